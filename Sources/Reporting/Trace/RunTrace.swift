import Records

/// A run as a timeline that Perfetto and Chrome open: per cell one process with a track per rank.
///
/// From the ranks' records every counted execution is laid out one after the other, each phase as its
/// compute, communication and idle parts: their lengths are measured, their order within a phase is
/// not. Where the job had `trace: true`, a second process per cell and policy shows the calls of one
/// execution as they were, with arrows from sends to receives.
public struct RunTrace: Sendable {
  public private(set) var events: [TraceEvent] = []
  private var processes = 0
  private var arrows = 0

  /// A timeline holds every execution, so that it takes as much memory as there are records.
  /// - Throws: `RecordError` when ranks' records cannot be read again.
  public init(_ contents: RunContents) throws(RecordError) {
    for cell in contents.cells {
      try addPhases(cell)
      let traced = Dictionary(grouping: cell.operations, by: \.policy)
      for policy in cell.operations.map(\.policy).unique {
        addOperations(traced[policy] ?? [], cell: cell.name, policy: policy)
      }
    }
  }

  /// The JSON object format of the Trace Event Format.
  public func json() throws(RecordError) -> String {
    struct File: Encodable {
      var displayTimeUnit = "ms"
      var traceEvents: [TraceEvent]
    }
    return try JSONText.line(File(traceEvents: events)) + "\n"
  }

  private mutating func openProcess(_ name: String, ranks: [Int]) -> Int {
    processes += 1
    events.append(.named("process_name", name, process: processes))
    for rank in ranks {
      events.append(.named("thread_name", "rank \(rank)", process: processes, thread: rank + 1))
    }
    return processes
  }

  private mutating func addPhases(_ cell: CellContents) throws(RecordError) {
    var records: [RankRecord] = []
    try cell.ranks.read { if !$0.warmup { records.append($0) } }
    guard !records.isEmpty else { return }
    let process = openProcess(
      "\(cell.name): phases, parts added up", ranks: Set(records.map(\.rank)).sorted())
    struct Place: Hashable {
      var policy: String
      var batch: Int
      var turn: Int
    }
    let executions = Dictionary(grouping: records) {
      Place(policy: $0.policy, batch: $0.batch, turn: $0.repeatIndex)
    }
    var start = 0.0
    for batch in cell.batches.filter({ !$0.warmup }).sorted(by: { $0.order < $1.order }) {
      let place = Place(policy: batch.policy, batch: batch.batch, turn: batch.repeatIndex)
      guard let parts = executions[place] else { continue }
      var length = 0.0
      for phase in parts.map(\.phase).unique {
        let ranks = parts.filter { $0.phase == phase }
        for record in ranks { addPhase(record, at: start + length, process: process) }
        let bytes = ranks.flatMap(\.traffic).filter {
          $0.communicator != "control" && CellAggregation.sends($0.operation)
        }
        let padded = bytes.reduce(0) { $0 + $1.paddedBytes }
        events.append(
          .counter(
            "bytes sent", at: start + length, process: process,
            [
              "useful": .integer(bytes.reduce(0) { $0 + $1.bytes } - padded),
              "padded": .integer(padded),
            ]))
        length += ranks.map(\.wallSeconds).max() ?? 0
      }
      start += length
    }
  }

  private mutating func addPhase(_ record: RankRecord, at start: Double, process: Int) {
    let thread = record.rank + 1
    events.append(
      .slice(
        "\(record.phase) \(record.policy)", "phase", from: start, seconds: record.wallSeconds,
        process: process, thread: thread,
        [
          "batch": .integer(record.batch), "repeat": .integer(record.repeatIndex),
          "stage": .integer(record.stage), "tensor_rank": .integer(record.tensorRank),
          "replica": .integer(record.replica),
        ]))
    let sent = record.traffic.filter {
      $0.communicator != "control" && CellAggregation.sends($0.operation)
    }
    let parts: [(String, Double, [String: TraceEvent.Value])] = [
      ("compute", record.computeSeconds, [:]),
      (
        "communication", record.communicationSeconds,
        [
          "bytes": .integer(sent.reduce(0) { $0 + $1.bytes }),
          "padded_bytes": .integer(sent.reduce(0) { $0 + $1.paddedBytes }),
        ]
      ), ("idle", record.idleSeconds, [:]),
    ]
    var from = start
    let end = start + record.wallSeconds
    for (name, seconds, arguments) in parts where seconds > 0 {
      // Parts add up to the phase but for rounding; a slice must not leave the one around it.
      let length = min(seconds, end - from)
      guard length > 0 else { break }
      events.append(
        .slice(
          name, "part", from: from, seconds: length, process: process, thread: thread, arguments))
      from += length
    }
  }

  /// One execution's calls, what is between them as compute, and an arrow per message.
  private mutating func addOperations(
    _ records: [OperationRecord], cell: String, policy: String
  ) {
    let ranks = Set(records.map(\.rank)).sorted()
    let process = openProcess("\(cell) \(policy): calls of one execution", ranks: ranks)
    var sent = 0
    for rank in ranks {
      var free = 0.0
      for call in records.filter({ $0.rank == rank }).sorted(by: {
        $0.startSeconds < $1.startSeconds
      }) {
        if call.startSeconds > free {
          events.append(
            .slice(
              "compute", "compute", from: free, seconds: call.startSeconds - free,
              process: process, thread: rank + 1))
        }
        events.append(
          .slice(
            "\(call.communicator) \(call.operation)", call.phase, from: call.startSeconds,
            seconds: call.endSeconds - call.startSeconds, process: process, thread: rank + 1,
            [
              "bytes": .integer(call.bytes), "padded_bytes": .integer(call.paddedBytes),
              "phase": .text(call.phase), "peer": .integer(call.peer ?? -1),
            ]))
        free = max(free, call.endSeconds)
      }
    }
    let sends = records.filter {
      CellAggregation.sends($0.operation) && $0.operation != "post-receive" && $0.bytes > 0
    }
    for call in sends.sorted(by: { $0.startSeconds < $1.startSeconds }) {
      sent += call.bytes
      events.append(
        .counter(
          "bytes sent", at: call.startSeconds, process: process, ["total": .integer(sent)]))
    }
    addArrows(records, process: process)
  }

  /// Messages between two ranks keep their order: the k-th send belongs to the k-th arrival. Where
  /// receives are posted ahead, a message arrives when it was waited for.
  private mutating func addArrows(_ records: [OperationRecord], process: Int) {
    struct Pair: Hashable {
      var from: Int
      var to: Int
    }
    let calls = records.sorted { $0.startSeconds < $1.startSeconds }
    var sends: [Pair: [OperationRecord]] = [:]
    var posted: Set<Pair> = []
    for call in calls {
      guard let peer = call.peer else { continue }
      if call.operation == "send" {
        sends[Pair(from: call.rank, to: peer), default: []].append(call)
      }
      if call.operation == "post-receive" { posted.insert(Pair(from: peer, to: call.rank)) }
    }
    for (pair, list) in sends.sorted(by: { ($0.key.from, $0.key.to) < ($1.key.from, $1.key.to) }) {
      let arrival = posted.contains(pair) ? "wait" : "receive"
      let arrivals = calls.filter {
        $0.rank == pair.to && $0.peer == pair.from && $0.operation == arrival
      }
      for (send, arrived) in zip(list, arrivals) {
        arrows += 1
        let middle = (send.startSeconds + send.endSeconds) / 2
        events.append(.arrow("s", arrows, at: middle, process: process, thread: pair.from + 1))
        // Within the slice that it ends in, at its end.
        let end = arrived.endSeconds - (arrived.endSeconds - arrived.startSeconds) / 1000
        events.append(.arrow("f", arrows, at: end, process: process, thread: pair.to + 1))
      }
    }
  }
}

extension Array where Element: Hashable {
  /// Each element once, in the order of its first place.
  var unique: [Element] {
    var seen: Set<Element> = []
    return filter { seen.insert($0).inserted }
  }
}
