import Communication
import Glibc
import MPI
import Records
import Scheduling
import Serving

/// What serving some requests gave; complete on the coordinator.
package struct ServingOutcome {
  package var requests: [FinishedRequest] = []
  /// Requests that can never run, and why the first of them cannot.
  package var refused = 0
  package var refusal: String?
  package var iterations = 0
  package var preemptions = 0
  package var evictions = 0
  /// Seconds from the start to the last completion.
  package var seconds = 0.0
  /// The pool when all is done.
  package var occupancy = KVOccupancy()
}

/// What the coordinator's loop tells while it runs; it is part of the timed region.
package protocol ServingObserver: AnyObject {
  /// A plan was made and told to all ranks in so many bytes. Seconds count from the run's start.
  func planned(
    _ plan: IterationPlan, _ scheduler: ContinuousScheduler, start: Double, bytes: Int)
  /// The oldest plan under way is through, its tokens are there.
  func landed(_ plan: IterationPlan, end: Double)
}

/// Serves requests on all ranks of a layout: the coordinator has scheduler and arrivals, the others
/// do what its plans say.
package final class ServingLoop {
  let context: RankContext
  let executor: ServingExecutor
  private let channel: PlanChannel
  let traffic: IterationTraffic?
  package weak var observer: (any ServingObserver)?
  private var origin: UInt64 = 0

  /// Collective.
  /// - Parameter traffic: what the ledger is held against.
  package init(_ executor: ServingExecutor, traffic: TrafficModel? = nil) throws {
    self.executor = executor
    context = executor.context
    channel = try PlanChannel(context)
    self.traffic = traffic.map { IterationTraffic(executor.context, $0) }
  }

  /// Runs until every request is answered or refused. Collective; `clients` are the coordinator's,
  /// others pass nil.
  package func run(_ clients: RequestFeed?, limits: SchedulerLimits) throws -> ServingOutcome {
    context.ledger.clear()
    try context.control.barrier()
    context.ledger.clear()
    origin = context.now()
    var outcome = ServingOutcome()
    if let clients { outcome = try lead(clients, limits) } else { try follow() }
    try executor.finish()
    try channel.finish()
    context.activity.rest()
    traffic?.compare()
    context.ledger.clear()
    return outcome
  }

  /// Seconds since the run began.
  private var now: Double { Double(context.now() - origin) / 1e9 }

  // MARK: The coordinator

  private struct Flight {
    let plan: IterationPlan
    /// What was sampled here.
    var tokens: [Int32]?
  }

  private func lead(_ clients: RequestFeed, _ limits: SchedulerLimits) throws -> ServingOutcome {
    var clients = clients
    var scheduler = ContinuousScheduler(limits: limits)
    var outcome = ServingOutcome()
    var flights: [Flight] = []
    while true {
      let time = now
      try admit(&clients, into: &scheduler, now: time, &outcome)
      switch scheduler.next(now: time, moreArrivals: clients.nextArrival != nil) {
      case .run(let plan):
        let bytes = try channel.announce(.run(plan))
        observer?.planned(plan, scheduler, start: time, bytes: bytes)
        begin(plan)
        flights.append(Flight(plan: plan, tokens: try executor.run(plan)))
        traffic?.ran(plan)
        // With one stage the tokens are there.
        if context.layout.pipeline == 1 {
          try land(flights.removeFirst(), behind: flights, &scheduler, &clients, &outcome)
        }
      case .wait(let until):
        let until = [until, clients.nextArrival].compactMap(\.self).min()
        if let first = flights.first {
          // What comes meanwhile waits for a free place all the same.
          let isFull = flights.count == limits.iterationsInFlight
          guard try isReady(first.plan, until: isFull ? nil : until) else { continue }
          try land(flights.removeFirst(), behind: flights, &scheduler, &clients, &outcome)
        } else {
          guard let until else { preconditionFailure("nothing runs and nobody is to come") }
          try rest(until: until)
        }
      case .done:
        try channel.announce(.end)
        outcome.preemptions = scheduler.preemptions
        outcome.evictions = scheduler.evictions
        outcome.occupancy = scheduler.occupancy
        return outcome
      }
    }
  }

  /// Submits who has come. Requests that can never run are refused at once, with the numbers.
  private func admit(
    _ clients: inout RequestFeed, into scheduler: inout ContinuousScheduler, now: Double,
    _ outcome: inout ServingOutcome
  ) throws {
    for request in try clients.due(now: now) {
      do {
        try scheduler.submit(request)
      } catch {
        outcome.refused += 1
        outcome.refusal = outcome.refusal ?? error.description
        clients.completed(1, now: now)
      }
    }
  }

  private func begin(_ plan: IterationPlan) {
    context.activity.beginStep(plan.id, isDecode: plan.phase == .decode)
  }

  /// Takes in what an iteration sampled.
  /// - Parameter flights: those behind it.
  private func land(
    _ flight: Flight, behind flights: [Flight], _ scheduler: inout ContinuousScheduler,
    _ clients: inout RequestFeed,
    _ outcome: inout ServingOutcome
  ) throws {
    let plan = flight.plan
    var tokens = flight.tokens
    if tokens == nil {
      tokens = try executor.receiveTokens(of: plan)
      traffic?.took(plan)
    }
    let end = now
    if tokens?.contains(ServingExecutor.notANumber) == true {
      throw try fail(plan, behind: flights)
    }
    let sampling = plan.items.lazy.filter(\.samples).map(\.request)
    let sampled = Dictionary(uniqueKeysWithValues: zip(sampling, tokens ?? []))
    let finished = scheduler.complete(plan.id, sampled: sampled, now: end)
    outcome.requests += finished
    clients.completed(finished.count, now: end)
    observer?.landed(plan, end: end)
    outcome.iterations += 1
    outcome.seconds = end
  }

  /// The error of a plan whose logits were no numbers.
  private func fail(_ plan: IterationPlan, behind flights: [Flight]) throws -> InferenceError {
    for flight in flights where flight.tokens == nil {
      _ = try executor.receiveTokens(of: flight.plan)
    }
    var again = plan
    again.freedSlots = []
    for index in again.items.indices { again.items[index].knownBlocks = 0 }
    try channel.announce(.diagnose(again))
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
    if left > 0.002 { try channel.announce(.rest(UInt64(left * 1e9))) }
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
        _ = try executor.run(plan)
        traffic?.ran(plan)
      case .rest(let nanoseconds): Self.sleep(nanoseconds)
      case .diagnose(let plan): throw try diagnose(plan)
      case .end: return
      }
    }
  }
}
