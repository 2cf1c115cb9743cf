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
/// for it); of an awaited activation, the time since both sides were there. All else up to the end
/// of the phase is idle time.
struct PhaseAccounting {
  let context: RankContext

  /// Collective over a replica's ranks.
  func accounts(_ outcome: BatchOutcome) throws -> (prefill: PhaseAccount, decode: PhaseAccount) {
    let events = context.ledger.events()
    context.ledger.isRecording = false
    defer { context.ledger.isRecording = true }
    let shortest = try shortestCollectives(events)
    let transfers = try transferSeconds(outcome)
    func account(_ phase: UInt8, wall: UInt64) -> PhaseAccount {
      var account = PhaseAccount()
      let own = events.filter { $0.context.phase == phase }
      let inside = own.reduce(UInt64(0)) { $0 + ($1.end - $1.start) }
      account.computeSeconds = max(0, seconds(wall) - seconds(inside))
      account.communicationSeconds =
        (shortest[phase] ?? 0) + (transfers[phase] ?? 0) + sendSeconds(own)
      account.traffic = totals(own)
      return account
    }
    return (
      account(Traffic.prefill, wall: outcome.prefillEnd - outcome.start),
      account(Traffic.decode, wall: outcome.end - outcome.prefillEnd)
    )
  }

  private func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }

  /// Sum per phase of the shortest time that any rank of the stage spent in each collective.
  private func shortestCollectives(_ events: [TrafficEvent]) throws -> [UInt8: Double] {
    let collective = events.filter { $0.label == Traffic.tensor.raw && $0.operation != .wait }
    var times = collective.map { seconds($0.end - $0.start) }
    try context.tensor.minimum(&times)
    var sums: [UInt8: Double] = [:]
    for (event, time) in zip(collective, times) { sums[event.context.phase, default: 0] += time }
    return sums
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

  /// Time to hand activations and tokens to the pipeline.
  private func sendSeconds(_ events: [TrafficEvent]) -> Double {
    events.lazy.filter { $0.operation == .startSend || $0.operation == .send }
      .reduce(0) { $0 + seconds($1.end - $1.start) }
  }

  private struct Key: Hashable {
    var operation: TrafficOperation
    var label: UInt8
    var element: ElementKind
  }

  private func totals(_ events: [TrafficEvent]) -> [TrafficTotal] {
    var totals: [Key: TrafficTotal] = [:]
    for event in events {
      let key = Key(operation: event.operation, label: event.label, element: event.element)
      var total =
        totals[key]
        ?? TrafficTotal(
          operation: event.operation.recordName,
          communicator: Traffic.labels.first { $0.raw == event.label }?.name ?? "other",
          elementType: "\(event.element)", calls: 0, elements: 0, bytes: 0, paddedBytes: 0,
          seconds: 0)
      total.calls += 1
      total.elements += event.count
      total.bytes += event.bytes
      let units = Int(event.context.units)
      if units > 0 {
        total.paddedBytes += event.bytes / units * (units - Int(event.context.usefulUnits))
      }
      total.seconds += seconds(event.end - event.start)
      totals[key] = total
    }
    return totals.values.sorted {
      ($0.communicator, $0.operation, $0.elementType)
        < ($1.communicator, $1.operation, $1.elementType)
    }
  }
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
