import Communication
import MPI
import Models
import Records
import Tensors
import Transformers

/// Holds the ledger of each execution against the analytic model, operation by operation, and keeps
/// the first difference of each batch and policy. Nothing is sent until `records`.
package final class TrafficCheck {
  private let context: RankContext
  private let traffic: TrafficModel
  private var cases: [Case] = []

  /// What one rank knows of a batch under a policy.
  private struct Case: Codable {
    let batch: Int
    let policy: String
    var executions = 0
    var sums = TrafficSums()
    var difference: TrafficDifference?
  }

  package init(context: RankContext, traffic: TrafficModel) {
    self.context = context
    self.traffic = traffic
  }

  /// Compares what the ledger holds with what the batch asks of this rank.
  /// - Complexity: O(operations); allocates nothing per operation.
  package func compare(_ batch: PreparedBatch, id: Int, policy: String) {
    var sums = TrafficSums()
    let difference = context.ledger.withEvents { events in
      Self.firstDifference(traffic, batch, rank: context.rank, events: events) { sums.add($0) }
    }
    add(sums, difference, id: id, policy: policy)
  }

  /// Takes in what a run of iterations was compared with.
  package func add(_ run: ServingLoop, id: Int, policy: String) {
    guard let traffic = run.traffic else { return }
    add(traffic.sums, traffic.difference, id: id, policy: policy)
  }

  /// Notes an execution: what the model says it sends, and where the ledger differs first.
  func add(_ sums: TrafficSums, _ difference: Difference?, id: Int, policy: String) {
    var index = cases.firstIndex { $0.batch == id && $0.policy == policy }
    if index == nil {
      cases.append(Case(batch: id, policy: policy))
      index = cases.count - 1
    }
    guard let index else { return }
    cases[index].sums = sums
    cases[index].difference =
      cases[index].difference
      ?? difference.map {
        TrafficDifference(
          rank: context.rank, execution: cases[index].executions, index: $0.index,
          expected: $0.expected, found: $0.found)
      }
    cases[index].executions += 1
  }

  /// Where model and ledger part, in words.
  typealias Difference = (index: Int, expected: String, found: String)

  /// The first operation that the model and the ledger do not share, in words; `each` sees every
  /// operation of the model.
  static func firstDifference(
    _ traffic: TrafficModel, _ batch: PreparedBatch, rank: Int,
    events: UnsafeBufferPointer<TrafficEvent>, each: (PlannedOperation) -> Void = { _ in }
  ) -> Difference? {
    firstDifference(events: events) { body in
      traffic.walk(batch.plan, rank: rank, scored: batch.scored) { operation in
        each(operation)
        body(operation)
      }
    }
  }

  /// The first operation that `walk` and the ledger do not share. Waits and control traffic are no
  /// part of the model.
  static func firstDifference(
    events: UnsafeBufferPointer<TrafficEvent>, walk: ((PlannedOperation) -> Void) -> Void
  ) -> Difference? {
    var difference: Difference?
    var index = 0
    var next = 0
    func skipWaits() {
      while next < events.count,
        events[next].operation == .wait || events[next].label == Traffic.control.raw
      {
        next += 1
      }
    }
    walk { operation in
      guard difference == nil else { return }
      skipWaits()
      if next == events.count {
        difference = (index, "\(operation)", "nothing")
      } else if !events[next].equals(operation) {
        difference = (index, "\(operation)", events[next].text)
      }
      next += 1
      index += 1
    }
    skipWaits()
    if difference == nil, next < events.count {
      difference = (index, "nothing", events[next].text)
    }
    return difference
  }

  /// One record per batch and policy on the coordinator, none elsewhere. Collective.
  package func records(cell: String) throws -> [TrafficCheckRecord] {
    context.ledger.isRecording = false
    defer { context.ledger.isRecording = true }
    let texts = try context.control.gatherArrays(Array(JSONText.line(cases).utf8), root: 0)
    guard let texts else { return [] }
    let ranks = try texts.map {
      try JSONText.decode(
        [Case].self, from: String(decoding: $0, as: UTF8.self), source: "traffic check")
    }
    return cases.indices.map { index in
      let all = ranks.map { $0[index] }
      return TrafficCheckRecord(
        cell: cell, layout: "\(context.layout)", dialect: traffic.dialect.rawValue,
        tensorReduction: traffic.reduction.rawValue, policy: cases[index].policy,
        batch: cases[index].batch, ranks: all.count, executions: cases[index].executions,
        operations: all.reduce(0) { $0 + $1.sums.operations },
        sentBytes: all.reduce(0) { $0 + $1.sums.sentBytes },
        paddedBytes: all.reduce(0) { $0 + $1.sums.paddedBytes },
        difference: all.lazy.compactMap(\.difference).first)
    }
  }
}

/// What operations of the model come to on one rank.
struct TrafficSums: Codable {
  var operations = 0
  var sentBytes = 0
  var paddedBytes = 0

  mutating func add(_ operation: PlannedOperation) {
    operations += 1
    guard operation.kind.sends else { return }
    sentBytes += operation.bytes
    paddedBytes += operation.paddedBytes
  }
}

extension RankContext {
  /// What the engine sends for a model on these ranks.
  package func traffic(
    _ model: ModelConfiguration, cache: StorageFormat = .float32
  ) throws -> TrafficModel {
    try TrafficModel(
      model: model, layout: layout, dialect: dialect, reduction: reduction,
      reductionChunks: tensor.reductionChunks,
      activations: messages == .bfloat16 ? .bfloat16 : .float, logits: .float,
      cache: cache == .bfloat16 ? .bfloat16 : .float,
      scoreRows: TransformerShard.scoreRows)
  }
}

extension TrafficEvent {
  /// Whether everything but the times is the operation's.
  fileprivate func equals(_ wanted: PlannedOperation) -> Bool {
    count == wanted.count && bytes == wanted.bytes && Int(peer) == wanted.peer
      && Int(context.units) == wanted.units && Int(context.usefulUnits) == wanted.usefulUnits
      && context.phase == (wanted.phase == .decode ? Traffic.decode : Traffic.prefill)
      && label == (wanted.communicator == .tensor ? Traffic.tensor : Traffic.pipeline).raw
      && kind == wanted.kind && format == wanted.element
  }

  private var kind: OperationKind? {
    switch operation {
    case .send, .startSend: .send
    case .receive, .startReceive: .receive
    case .broadcast, .startBroadcast: .broadcast
    case .allReduce, .startAllReduce: .allReduce
    case .reduceScatter: .reduceScatter
    case .allGather: .allGather
    case .gather: .gather
    case .sendReceive, .barrier, .startBarrier, .wait: nil
    }
  }

  private var format: ElementFormat? {
    switch element {
    case .float: .float
    case .double: .double
    case .int32: .int32
    case .bfloat16: .bfloat16
    case .int64, .uint8, .uint64: nil
    }
  }

  fileprivate var text: String {
    let name = Traffic.labels.first { $0.raw == label }?.name ?? "label \(label)"
    let phase =
      context.phase == Traffic.decode
      ? "decode" : context.phase == Traffic.prefill ? "prefill" : "outside"
    let place = kind?.text(peer: Int(peer)) ?? ""
    return "\(phase) \(operation.recordName) on \(name)\(place), \(count) \(element) "
      + "(\(bytes) bytes), \(context.units) units of which \(context.usefulUnits) useful"
  }
}
