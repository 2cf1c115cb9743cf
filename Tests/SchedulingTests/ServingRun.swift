import Scheduling
import Statistics
import Testing

/// Random limits and requests.
enum ServingCase {
  static func limits(_ random: inout SequentialRandom) throws -> SchedulerLimits {
    let batch = 1 + random.integer(below: 8)
    return try SchedulerLimits(
      order: AdmissionOrder.allCases[random.integer(below: 3)],
      maxNumTokens: batch + random.integer(below: 40), maxBatchSize: batch,
      blockSize: 1 + random.integer(below: 8), blockCount: batch + 8 + random.integer(below: 40),
      maxQueueDelay: Double(random.integer(below: 3)),
      iterationsInFlight: 1 + random.integer(below: 3))
  }

  static func requests(
    _ random: inout SequentialRandom, count: Int, limits: SchedulerLimits
  ) throws -> [ServingRequest] {
    var arrival = 0.0
    let most = limits.blockCount * limits.blockSize
    return try (0..<count).map { id in
      arrival += Double(random.integer(below: 4)) * 0.5
      let prompt = 1 + random.integer(below: min(60, most - 1))
      let output = 1 + random.integer(below: min(20, most - prompt))
      return try ServingRequest(
        id: id, prompt: .tokens((0..<prompt).map { _ in Int32(random.integer(below: 50)) }),
        outputTokens: output, arrival: arrival, priority: random.integer(below: 3))
    }
  }
}

/// Drives a scheduler as an engine would, with a model that is a function of all tokens before,
/// and checks each plan.
struct ServingRun {
  var scheduler: ContinuousScheduler
  var finished: [FinishedRequest] = []
  var plans: [IterationPlan] = []

  /// The token that the model generates after these.
  static func following(_ tokens: [Int32]) -> Int32 {
    Int32(tokens.reduce(17) { ($0 &* 31 &+ Int($1) &+ 7) % 99991 })
  }

  static func answer(to request: ServingRequest) -> [Int32] {
    guard case .tokens(var tokens) = request.prompt else { return [] }
    for _ in 0..<request.outputTokens { tokens.append(following(tokens)) }
    return Array(tokens.suffix(request.outputTokens))
  }

  init(
    limits: SchedulerLimits, requests: [ServingRequest], random: inout SequentialRandom
  ) throws {
    scheduler = ContinuousScheduler(limits: limits)
    for request in requests { try scheduler.submit(request) }
    var now = 0.0
    var inFlight: [IterationPlan] = []
    var tables = BlockTables()
    // What the engine's KV memory holds: per block and slot the token, through which it is reached.
    var memory = [[Int32]](
      repeating: Array(repeating: -1, count: limits.blockSize), count: limits.blockCount)
    for _ in 0..<100_000 {
      let decision = scheduler.next(now: now, moreArrivals: false)
      switch decision {
      case .done:
        #expect(inFlight.isEmpty)
        return
      case .run(let plan):
        plans.append(plan)
        inFlight.append(plan)
        #expect(inFlight.count <= limits.iterationsInFlight)
        #expect(plan.slots <= limits.maxNumTokens)
        let busy = inFlight.flatMap(\.items).map(\.request)
        #expect(Set(busy).count == busy.count)
        var told = try tables.decode(plan.encoded())
        told.occupancy = plan.occupancy
        #expect(told == plan)
        var fed = plan.tokens[...]
        for item in plan.items {
          for position in item.firstToken..<item.firstToken + item.tokens {
            let block = Int(item.blocks[position / limits.blockSize])
            memory[block][position % limits.blockSize] = fed.removeFirst()
          }
        }
      case .wait(let until):
        if inFlight.isEmpty {
          now = try #require(until)
        } else if let until, random.integer(below: 2) == 0 {
          now = max(now, until)
        }
      }
      let isFull = inFlight.count == limits.iterationsInFlight
      var isWaiting = false
      if case .wait = decision { isWaiting = true }
      if !inFlight.isEmpty, isFull || isWaiting || random.integer(below: 2) == 0 {
        let plan = inFlight.removeFirst()
        now += 0.25
        var sampled: [Int: Int32] = [:]
        for item in plan.items where item.samples {
          let context = (0..<item.firstToken + item.tokens).map {
            memory[Int(item.blocks[$0 / limits.blockSize])][$0 % limits.blockSize]
          }
          sampled[item.request] = Self.following(context)
        }
        finished += scheduler.complete(plan.id, sampled: sampled, now: now)
      }
    }
    Issue.record("the run does not end")
  }
}
