import Records
import Scheduling
import Workloads

/// One serving run from the first arrival to the last token: clients, scheduler and records
/// together. Whoever executes plans, or prices them, drives it with the time of its own clock.
///
/// ```
/// while true {
///   switch try session.next(now: now) {
///   case .run(let plan, _): execute it, then session.complete(plan.id, sampled: …, now: …)
///   case .wait(let until): complete a plan under way, or wait
///   case .done: …
///   }
/// }
/// ```
public struct ServingSession: Sendable {
  public enum Step: Sendable {
    /// A plan, and its words for the other ranks.
    case run(IterationPlan, words: [Int32])
    /// Nothing to start before this time, or, with nil, before a plan under way completes.
    case wait(until: Double?)
    case done
  }

  public let run: ServingRun
  public private(set) var scheduler: ContinuousScheduler
  private var feed: RequestFeed
  /// By request id.
  private let entries: [ServingEntry]
  private var underWay: [Int: IterationRecord] = [:]
  /// Requests that were answered, in the order of their ends, and those that can never run, with
  /// the reasons.
  public private(set) var requests: [RequestRecord] = []
  public private(set) var refusals: [(request: Int, reason: String)] = []
  public private(set) var iterations: [IterationRecord] = []

  /// - Parameters:
  ///   - entries: of the workload, with ids from 0.
  ///   - prompts: the same requests for the scheduler; their arrivals are not used.
  ///   - maxConcurrency: of an open loop.
  /// - Throws: `WorkloadError` where recorded arrivals are missing.
  public init(
    run: ServingRun, limits: SchedulerLimits, entries: [ServingEntry], prompts: [ServingRequest],
    arrivals: ArrivalProcess, seed: UInt64, maxConcurrency: Int? = nil
  ) throws(WorkloadError) {
    precondition(
      entries.map(\.id) == Array(0..<entries.count) && prompts.map(\.id) == entries.map(\.id),
      "entries and prompts are the same requests, with ids from 0")
    self.run = run
    self.entries = entries
    scheduler = ContinuousScheduler(limits: limits)
    feed = try RequestFeed(
      prompts, arrivals: arrivals, seed: seed, recorded: entries.map(\.recorded),
      maxConcurrency: maxConcurrency)
  }

  /// Takes in what arrived by `now` and says what to do.
  public mutating func next(now: Double) throws -> Step {
    // A refusal may let the next one in.
    while true {
      let due = try feed.due(now: now)
      if due.isEmpty { break }
      for request in due {
        do { try scheduler.submit(request) } catch {
          refusals.append((request.id, error.description))
          feed.completed(1, now: now)
        }
      }
    }
    let preemptions = scheduler.preemptions
    switch scheduler.next(now: now, moreArrivals: feed.nextArrival != nil) {
    case .run(let plan):
      let words = plan.encoded()
      underWay[plan.id] = IterationRecord(
        run: run, plan: plan, scheduler: scheduler,
        preemptions: scheduler.preemptions - preemptions, startSeconds: now, stepSeconds: 0,
        planBytes: words.count * MemoryLayout<Int32>.size)
      return .run(plan, words: words)
    case .wait(let until):
      let times = [until, feed.nextArrival].compactMap { $0 }
      return .wait(until: times.min())
    case .done:
      return .done
    }
  }

  /// Takes in what a plan sampled.
  /// - Parameter now: when the tokens were there.
  public mutating func complete(_ plan: Int, sampled: [Int: Int32], now: Double) {
    let finished = scheduler.complete(plan, sampled: sampled, now: now)
    if var record = underWay.removeValue(forKey: plan) {
      record.stepSeconds = now - record.startSeconds
      iterations.append(record)
    }
    requests += finished.map { RequestRecord($0, entry: entries[$0.request.id], run: run) }
    feed.completed(finished.count, now: now)
  }

  /// What the run came to so far.
  public func record(levels: ServiceLevels, warmup: Int?, ranks: Int) -> ServingRecord {
    ServingRecord(
      run: run, requests: requests, iterations: iterations, refused: refusals.count,
      limits: scheduler.limits, levels: levels, warmup: warmup, ranks: ranks)
  }
}
