import Communication
import Glibc
import MPI
import Records
import Scheduling
import Serving
import Workloads

/// Serves requests on all ranks of a layout: the coordinator has scheduler and arrivals, the others
/// do what its plans say.
package final class ServingLoop {
  let context: RankContext
  let executor: ServingExecutor
  private let channel: PlanChannel
  let traffic: IterationTraffic?
  /// Token ids that were sampled, by request; the coordinator's.
  package private(set) var answers: [Int: [Int32]] = [:]
  /// Sees each plan before it runs; the coordinator's.
  package var watch: ((IterationPlan) -> Void)?
  private var origin: UInt64 = 0
  /// Of the last run, from its first word to its last.
  private(set) var seconds = 0.0

  /// Collective.
  /// - Parameter traffic: what the ledger is held against.
  package init(_ executor: ServingExecutor, traffic: TrafficModel? = nil) throws {
    self.executor = executor
    context = executor.context
    channel = try PlanChannel(context)
    self.traffic = traffic.map { IterationTraffic(executor.context, $0) }
  }

  /// Runs until every request is answered or refused. Collective; the session is the coordinator's,
  /// others pass nil. Gives it back as it ended.
  package func run(_ session: ServingSession?) throws -> ServingSession? {
    context.ledger.clear()
    try context.control.barrier()
    context.ledger.clear()
    origin = context.now()
    answers = [:]
    var ended: ServingSession?
    if var session {
      try lead(&session)
      ended = session
    } else {
      try follow()
    }
    try executor.finish()
    try channel.finish()
    seconds = now
    context.activity.rest()
    try traffic?.finish()
    context.ledger.clear()
    return ended
  }

  /// Seconds since the run began.
  private var now: Double { Double(context.now() - origin) / 1e9 }

  // MARK: The coordinator

  private struct Flight {
    let plan: IterationPlan
    /// What was sampled here.
    var tokens: [Int32]?
  }

  private func lead(_ session: inout ServingSession) throws {
    var flights: [Flight] = []
    while true {
      switch try session.next(now: now) {
      case .run(let plan, let words):
        watch?(plan)
        try channel.announce(plan: words)
        begin(plan)
        flights.append(Flight(plan: plan, tokens: try run(plan)))
        // With one stage the tokens are there.
        if context.layout.pipeline == 1 {
          try land(flights.removeFirst(), behind: flights, &session)
        }
      case .wait(let until):
        if let first = flights.first {
          // What comes meanwhile waits for a free place all the same.
          let isFull = flights.count == session.scheduler.limits.iterationsInFlight
          guard try isReady(first.plan, until: isFull ? nil : until) else { continue }
          try land(flights.removeFirst(), behind: flights, &session)
        } else {
          guard let until else { preconditionFailure("nothing runs and nobody is to come") }
          try rest(until: until)
        }
      case .done: return try channel.announceEnd()
      }
    }
  }

  private func begin(_ plan: IterationPlan) {
    context.activity.beginStep(plan.id, isDecode: plan.phase == .decode)
  }

  private func run(_ plan: IterationPlan) throws -> [Int32]? {
    let start = context.now()
    let tokens = try executor.run(plan)
    traffic?.ran(plan, nanoseconds: context.now() - start)
    return tokens
  }

  /// Takes in what an iteration sampled.
  /// - Parameter flights: those behind it.
  private func land(
    _ flight: Flight, behind flights: [Flight], _ session: inout ServingSession
  ) throws {
    let plan = flight.plan
    var tokens = flight.tokens ?? []
    if flight.tokens == nil {
      let start = context.now()
      tokens = try executor.receiveTokens(of: plan)
      traffic?.took(plan, nanoseconds: context.now() - start)
    }
    let end = now
    if tokens.contains(ServingExecutor.notANumber) { throw try fail(plan, behind: flights) }
    var sampled: [Int: Int32] = [:]
    for (item, token) in zip(plan.items.lazy.filter(\.samples), tokens) {
      sampled[item.request] = token
      answers[item.request, default: []].append(token)
    }
    session.complete(plan.id, sampled: sampled, now: end)
  }

  /// The error of a plan whose logits were no numbers.
  private func fail(_ plan: IterationPlan, behind flights: [Flight]) throws -> InferenceError {
    for flight in flights where flight.tokens == nil {
      _ = try executor.receiveTokens(of: flight.plan)
    }
    var again = plan
    again.freedSlots = []
    for index in again.items.indices { again.items[index].knownBlocks = 0 }
    try channel.announceDiagnosis(plan: again.encoded())
    return try diagnose(again)
  }

  private func diagnose(_ plan: IterationPlan) throws -> InferenceError {
    let error = try executor.diagnose(plan)
    try channel.finish()
    return error
  }

  /// Waits for the tokens of the oldest iteration; false when an arrival, or the end of a queue delay,
  /// comes first. In virtual time, in which nothing can be looked at before it is waited for, they
  /// always come first.
  private func isReady(_ plan: IterationPlan, until: Double?) throws -> Bool {
    guard let until, context.clock == nil else { return true }
    while now < until {
      if try executor.hasTokens(of: plan) { return true }
      usleep(50)
    }
    return false
  }

  /// Lets time pass until `until`, with nothing under way.
  private func rest(until: Double) throws {
    context.activity.rest()
    if let clock = context.clock {
      clock.advance(to: origin + UInt64(max(0, until) * 1e9) + 1)
      return
    }
    let left = until - now
    guard left > 0 else { return }
    // A broadcast for less would take as long as it saves.
    if left > 0.002 { try channel.announceRest(nanoseconds: UInt64(left * 1e9)) }
    Self.sleep(UInt64(left * 1e9))
  }

  private static func sleep(_ nanoseconds: UInt64) {
    var time = timespec(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    nanosleep(&time, nil)
  }

  // MARK: The other ranks

  private func follow() throws {
    while true {
      context.activity.rest()
      switch try channel.next() {
      case .run(let plan):
        begin(plan)
        _ = try run(plan)
      case .rest(let nanoseconds): Self.sleep(nanoseconds)
      case .diagnose(let plan): throw try diagnose(plan)
      case .end: return
      }
    }
  }
}

extension ServingSession {
  /// A session whose records nobody keeps: for comparing answers.
  /// - Parameter isTimed: requests come when they say so, from the first one on, not all at once.
  package init(
    _ requests: [ServingRequest], limits: SchedulerLimits, isTimed: Bool = false
  ) throws {
    var entries: [ServingEntry] = []
    for request in requests {
      var entry = ServingEntry(
        id: request.id, kind: "", promptLength: request.prompt.count,
        outputLength: request.outputTokens)
      entry.recorded = request.arrival
      entries.append(entry)
    }
    try self.init(
      run: Records.ServingRun(
        cell: "", layout: "", system: "", load: "", repeatIndex: 0, origin: .measured,
        oversubscribed: false),
      limits: limits, entries: entries, prompts: requests,
      arrivals: isTimed ? .trace(speed: 1) : .atOnce, seed: 0)
  }
}
