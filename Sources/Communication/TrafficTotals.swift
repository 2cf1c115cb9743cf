import Models
import Scheduling

/// Operations of one kind, summed.
public struct TrafficTotals: Hashable, Sendable {
  public var calls = 0
  public var elements = 0
  public var bytes = 0
  public var paddedBytes = 0

  public init() {}

  public static func += (sum: inout TrafficTotals, operation: PlannedOperation) {
    sum.calls += 1
    sum.elements += operation.count
    sum.bytes += operation.bytes
    sum.paddedBytes += operation.paddedBytes
  }
}

/// What totals are kept apart by.
public struct TrafficKey: Hashable, Sendable {
  public var phase: Phase
  public var kind: OperationKind
  public var communicator: CommunicatorRole
  public var element: ElementFormat

  public init(_ operation: PlannedOperation) {
    phase = operation.phase
    kind = operation.kind
    communicator = operation.communicator
    element = operation.element
  }
}

extension TrafficModel {
  /// Totals of one rank by phase and operation.
  public func totals(of plan: BatchPlan, rank: Int) -> [TrafficKey: TrafficTotals] {
    var totals: [TrafficKey: TrafficTotals] = [:]
    walk(plan, rank: rank) { totals[TrafficKey($0), default: TrafficTotals()] += $0 }
    return totals
  }

  /// What all ranks of a replica hand to MPI: the sum over senders, nothing that is received.
  public func sent(_ plan: BatchPlan, phase: Phase? = nil) -> TrafficTotals {
    var totals = TrafficTotals()
    for rank in 0..<layout.ranksPerReplica {
      walk(plan, rank: rank) { operation in
        if operation.kind.sends, phase == nil || operation.phase == phase { totals += operation }
      }
    }
    return totals
  }

  /// Bytes that one slot without a token makes the ranks of a replica hand to MPI.
  /// - Parameter scoring: in a score pass, where each slot passes the head.
  public func bytesPerPaddedSlot(scoring: Bool = false) -> Int {
    // One row with one such slot, as wide as needs no dead slots.
    let width = 2 * layout.tensor
    let plan =
      if scoring {
        try? BatchPlan(scoring: .fixed(width), promptLengths: [width - 1], microBatches: 1)
      } else if model.isEncoder {
        try? BatchPlan(encoding: .fixed(width), promptLengths: [width - 1], microBatches: 1)
      } else {
        try? BatchPlan(
          policy: .fixed(width), promptLengths: [width - 1], outputLengths: [1], microBatches: 1)
      }
    guard let plan else { preconditionFailure("a row of \(width) slots can be planned") }
    return sent(plan).paddedBytes
  }
}
