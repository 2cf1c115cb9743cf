import Scheduling
import Statistics

/// How many request-iterations a second the scheduler decides on one core: one is one item of one
/// plan, decided, encoded, and reported complete. Nothing is computed.
///
///     swift run -c release scheduler-bench
@main
struct SchedulerBench {
  /// Decisions a second that an engine must never have to wait for.
  static let required = 200_000.0

  struct Case {
    var name: String
    var mode = BatchingMode.inFlight
    var order = AdmissionOrder.fcfs
    var batch = 256
    var blocks = 16_384
    var prefixCaching = false
    var iterationsInFlight = 1
  }

  static func main() throws {
    let cases = [
      Case(name: "in-flight"),
      Case(name: "in-flight, shortest first", order: .shortestFirst),
      Case(name: "in-flight, 4 iterations under way", iterationsInFlight: 4),
      Case(name: "in-flight, prefix cache", prefixCaching: true),
      Case(name: "in-flight, blocks short", blocks: 3072),
      Case(name: "in-flight, batch 16", batch: 16),
      Case(name: "dynamic", mode: .dynamic),
    ]
    print("2,000 requests, prompts 1 to 1024 tokens, outputs 1 to 256, blocks of 16")
    for one in cases {
      // The best of three: what else the machine does only slows it down.
      let runs = try (0..<3).map { _ in try run(one) }
      let best = runs.max { $0.perSecond < $1.perSecond } ?? runs[0]
      let verdict = best.perSecond >= required ? "ok" : "below \(Int(required))"
      print(
        "\(one.name): \(Int(best.perSecond)) request-iterations/s over \(best.iterations) "
          + "iterations, \(best.preemptions) preemptions, \(best.words / best.iterations) words a "
          + "plan: \(verdict)")
    }
  }

  struct Outcome {
    var perSecond: Double
    var iterations: Int
    var preemptions: Int
    var words: Int
  }

  static func run(_ one: Case) throws -> Outcome {
    let limits = try SchedulerLimits(
      mode: one.mode, order: one.order, maxNumTokens: 8192, maxBatchSize: one.batch,
      blockSize: 16, blockCount: one.blocks, prefixCaching: one.prefixCaching,
      iterationsInFlight: one.iterationsInFlight)
    var random = SequentialRandom(seed: 7)
    let shared = (0..<512).map { _ in Int32(random.integer(below: 32_000)) }
    let requests = try (0..<2000).map { id in
      let count = 1 + random.integer(below: 1024)
      let prefix = shared.prefix(min(count, 512))
      let own = (prefix.count..<count).map { Int32($0 + id) }
      return try ServingRequest(
        id: id, prompt: .tokens(prefix + own), outputTokens: 1 + random.integer(below: 256),
        arrival: Double(id) * 0.001)
    }
    var scheduler = ContinuousScheduler(limits: limits)
    for request in requests { try scheduler.submit(request) }
    var inFlight: [IterationPlan] = []
    var now = 0.0
    var items = 0
    var outcome = Outcome(perSecond: 0, iterations: 0, preemptions: 0, words: 0)
    var finished = 0
    let clock = ContinuousClock()
    let start = clock.now
    while true {
      let decision = scheduler.next(now: now, moreArrivals: false)
      if case .run(let plan) = decision {
        inFlight.append(plan)
        items += plan.items.count
        outcome.iterations += 1
        outcome.words += plan.encoded().count
        if inFlight.count < limits.iterationsInFlight { continue }
      }
      if case .done = decision { break }
      if case .wait(let until?) = decision, inFlight.isEmpty { now = until }
      guard !inFlight.isEmpty else { continue }
      let plan = inFlight.removeFirst()
      var sampled: [Int: Int32] = [:]
      for item in plan.items where item.samples { sampled[item.request] = Int32(item.slot) }
      now += 0.01
      finished += scheduler.complete(plan.id, sampled: sampled, now: now).count
    }
    let (seconds, attoseconds) = (clock.now - start).components
    precondition(finished == requests.count, "every request is served")
    outcome.perSecond = Double(items) / (Double(seconds) + Double(attoseconds) * 1e-18)
    outcome.preemptions = scheduler.preemptions
    return outcome
  }
}
