import MPI
import Records

/// Where a rank's time and bytes went during one phase, told from its ledger.
struct PhaseAccount {
  var computeSeconds = 0.0
  var communicationSeconds = 0.0
  var traffic: [TrafficTotal] = []
}

/// Turns ledgers into accounts after a batch.
///
/// Compute is the rank's own time outside MPI. Communication is the time in which data can have
/// moved: of a collective, the shortest time that any member spent in the call (the others waited
/// for it), or in starting it and in the wait that ends it; of an awaited activation, the time since
/// both sides were there. All else up to the end of the phase is idle time.
struct PhaseAccounting {
  let context: RankContext

  /// Collective over a replica's ranks.
  func accounts(_ outcome: BatchOutcome) throws -> (prefill: PhaseAccount, decode: PhaseAccount) {
    let events = context.ledger.events()
    context.ledger.isRecording = false
    defer { context.ledger.isRecording = true }
    let moving = try movingSeconds(events)
    let transfers = try transferSeconds(outcome)
    func account(_ phase: UInt8, wall: UInt64) -> PhaseAccount {
      var account = PhaseAccount()
      let own = events.indices.filter { events[$0].context.phase == phase }
      let inside = own.reduce(UInt64(0)) { $0 + (events[$1].end - events[$1].start) }
      account.computeSeconds = max(0, seconds(wall) - seconds(inside))
      account.traffic = totals(
        own.map { (events[$0], moving[$0]) }, transfers: transfers[phase] ?? 0)
      account.communicationSeconds = account.traffic.reduce(0) {
        $0 + ($1.communicationSeconds ?? 0)
      }
      return account
    }
    return (
      account(Traffic.prefill, wall: outcome.prefillEnd - outcome.start),
      account(Traffic.decode, wall: outcome.end - outcome.prefillEnd)
    )
  }

  private func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }

  /// Per event the time in which its data can have moved: of a collective the shortest time that any
  /// rank of the stage spent in it, of a send the time to hand it over. Of what is received,
  /// `transferSeconds` tells.
  private func movingSeconds(_ events: [TrafficEvent]) throws -> [Double] {
    let collective = events.indices.filter { events[$0].label == Traffic.tensor.raw }
    var times = collective.map { seconds(events[$0].end - events[$0].start) }
    try context.tensor.minimum(&times)
    var moving = events.map { event in
      event.operation == .startSend || event.operation == .send
        ? seconds(event.end - event.start) : 0
    }
    for (index, time) in zip(collective, times) { moving[index] = time }
    return moving
  }

  /// Time per phase that activations took to arrive once they were sent and awaited. Each sender
  /// tells its receiver when its sends began.
  private func transferSeconds(_ outcome: BatchOutcome) throws -> [UInt8: Double] {
    var sums: [UInt8: Double] = [:]
    if !context.isLastStage {
      try context.pipeline.send(outcome.sendStarts, to: context.stage + 1, tag: 3)
    }
    guard !context.isFirstStage else { return sums }
    let starts = try context.pipeline.receiveArray(
      of: UInt64.self, from: context.stage - 1, tag: 3)
    let offset = context.clockOffsets[context.stage - 1]
    for (wait, start) in zip(outcome.receiveWaits, starts) {
      let sent = UInt64(max(0, Int64(start) + offset))
      let from = min(max(wait.from, sent), wait.to)
      sums[wait.phase, default: 0] += seconds(wait.to - from)
    }
    return sums
  }

  /// - Parameter transfers: time in which awaited activations came.
  private func totals(
    _ events: [(event: TrafficEvent, moving: Double)], transfers: Double
  ) -> [TrafficTotal] {
    var sums = TrafficAccumulator()
    for (event, moving) in events { sums.add(event, moving: moving) }
    let arrived = TrafficAccumulator.Key(
      operation: .startReceive, label: Traffic.pipeline.raw, element: .float)
    sums.add(moving: transfers, to: arrived)
    return sums.sorted
  }
}

/// Sums of events by operation, communicator and element type.
struct TrafficAccumulator {
  struct Key: Hashable {
    var operation: TrafficOperation
    var label: UInt8
    var element: ElementKind
  }

  private var totals: [Key: TrafficTotal] = [:]

  /// - Parameter moving: seconds in which its data can have moved.
  mutating func add(_ event: TrafficEvent, moving: Double) {
    let key = Key(event)
    var total =
      totals[key]
      ?? TrafficTotal(
        operation: key.operation.recordName,
        communicator: Traffic.labels.first { $0.raw == event.label }?.name ?? "other",
        elementType: "\(event.element)", calls: 0, elements: 0, bytes: 0, paddedBytes: 0,
        seconds: 0, communicationSeconds: 0)
    if !event.endsSum { total.calls += 1 }
    total.elements += event.count
    total.bytes += event.bytes
    let units = Int(event.context.units)
    if units > 0 {
      total.paddedBytes += event.bytes / units * (units - Int(event.context.usefulUnits))
    }
    total.seconds += Double(event.end - event.start) / 1e9
    total.communicationSeconds? += moving
    totals[key] = total
  }

  /// More communication time of a sum; nothing where there is no such sum.
  mutating func add(moving: Double, to key: Key) {
    totals[key]?.communicationSeconds? += moving
  }

  var sorted: [TrafficTotal] {
    totals.values.sorted {
      ($0.communicator, $0.operation, $0.elementType)
        < ($1.communicator, $1.operation, $1.elementType)
    }
  }
}

extension TrafficAccumulator.Key {
  /// A started sum is told with those that block; so is the wait that ends it.
  init(_ event: TrafficEvent) {
    let isSum = event.operation == .startAllReduce || event.endsSum
    self.init(
      operation: isSum ? .allReduce : event.operation, label: event.label, element: event.element)
  }
}

extension TrafficEvent {
  /// Nothing but sums is started among tensor ranks.
  fileprivate var endsSum: Bool { label == Traffic.tensor.raw && operation == .wait }
}

extension TrafficOperation {
  /// Name in records: the operation that a reader knows, blocking or not.
  var recordName: String {
    switch self {
    case .send, .startSend: "send"
    case .receive, .startReceive: "receive"
    case .sendReceive: "send-receive"
    case .broadcast, .startBroadcast: "broadcast"
    case .allReduce, .startAllReduce: "all-reduce"
    case .reduceScatter: "reduce-scatter"
    case .allGather: "all-gather"
    case .gather: "gather"
    case .barrier, .startBarrier: "barrier"
    case .wait: "wait"
    }
  }
}
