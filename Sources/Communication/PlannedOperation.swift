import Scheduling

/// What a rank does. Raw values are the names that records use.
public enum OperationKind: String, Sendable, Hashable, Codable, CaseIterable {
  case allReduce = "all-reduce"
  case reduceScatter = "reduce-scatter"
  case allGather = "all-gather"
  case gather
  case broadcast
  case send
  case receive

  /// Whether its bytes leave the rank. What is received was counted by its sender.
  public var sends: Bool { self != .receive }

  /// The peer or root in words, nothing when there is none.
  public func text(peer: Int) -> String {
    guard peer >= 0 else { return "" }
    return switch self {
    case .send: " to \(peer)"
    case .receive: " from \(peer)"
    default: " with root \(peer)"
    }
  }

  /// Bytes that a rank moves per byte of the call among `ranks` ranks: nccl-tests' factors of bus
  /// bandwidth (its doc/PERFORMANCE.md).
  public func volumeFactor(ranks: Int) -> Double {
    let others = Double(ranks - 1) / Double(ranks)
    return switch self {
    case .allReduce: 2 * others
    case .reduceScatter, .allGather, .gather: others
    case .broadcast, .send, .receive: 1
    }
  }
}

/// Which ranks take part. Raw values are the names that records use.
public enum CommunicatorRole: String, Sendable, Hashable, Codable, CaseIterable {
  /// The ranks of one stage.
  case tensor
  /// The ranks with one tensor rank, by stage.
  case pipeline
}

/// What an element on the wire is. Raw values are the names that records use.
public enum ElementFormat: String, Sendable, Hashable, Codable, CaseIterable {
  case float
  case double
  case int32
  case bfloat16
  case float16
  case float8

  public var bytes: Int {
    switch self {
    case .double: 8
    case .float, .int32: 4
    case .bfloat16, .float16: 2
    case .float8: 1
    }
  }
}

/// Why an operation is there.
public enum TrafficPurpose: String, Sendable, Hashable, Codable, CaseIterable {
  case embedding
  case attention
  case feedForward = "feed-forward"
  /// Hidden states between stages.
  case activations
  /// Hidden states before the head.
  case head
  case logits
  case tokens
  case losses
}

/// One operation of one rank, as the rank's ledger records it.
public struct PlannedOperation: Hashable, Sendable {
  public var kind: OperationKind
  public var communicator: CommunicatorRole
  public var purpose: TrafficPurpose
  public var element: ElementFormat
  /// Elements as [rows, columns]: the message; of all-gather and reduce-scatter the whole vector; of
  /// gather the whole on the root and the own block elsewhere.
  public var rows: Int
  public var columns: Int
  /// The peer or root as a rank of the communicator; -1 for operations without one.
  public var peer = -1
  public var phase: Phase
  /// Slots (or sampled rows, tokens, losses) in the message, and those that carry a token.
  public var units: Int
  public var usefulUnits: Int

  public var count: Int { rows * columns }
  public var bytes: Int { count * element.bytes }
  /// Bytes of units without a token.
  public var paddedBytes: Int { units > 0 ? bytes / units * (units - usefulUnits) : 0 }
  /// `128x4096`, or the length of a vector.
  public var shape: String { columns == 1 ? "\(rows)" : "\(rows)x\(columns)" }
}

extension PlannedOperation: CustomStringConvertible {
  public var description: String {
    return
      "\(phase.rawValue) \(kind.rawValue) on \(communicator.rawValue)\(kind.text(peer: peer)), \(count) "
      + "\(element.rawValue) (\(bytes) bytes), \(units) units of which \(usefulUnits) useful"
  }
}
