import Scheduling
import Statistics
import Testing

@Suite struct ContinuousSchedulerTests {
  /// Requests and the run of them under random limits, whatever the mode.
  private func run(
    seed: UInt64, mode: BatchingMode? = nil, order: AdmissionOrder? = nil,
    prefixCaching: Bool? = nil, count: Int = 50
  ) throws -> (ServingRun, [ServingRequest]) {
    var random = SequentialRandom(seed: seed)
    let limits = try ServingCase.limits(
      &random, mode: mode, order: order, prefixCaching: prefixCaching)
    let requests = try ServingCase.requests(&random, count: count, limits: limits)
    return (try ServingRun(limits: limits, requests: requests, random: &random), requests)
  }

  @Test(arguments: BatchingMode.allCases)
  func everyRequestEndsOnceWithItsOwnAnswerAndAllBlocksComeBack(mode: BatchingMode) throws {
    var preemptions = 0
    var reused = 0
    for seed in 0..<40 as Range<UInt64> {
      let (run, requests) = try run(seed: seed, mode: mode)
      #expect(run.finished.map(\.request.id).sorted() == requests.map(\.id), "seed \(seed)")
      let pool = run.scheduler.occupancy
      #expect(pool.usedBlocks == 0 && pool.emptySlots == 0, "seed \(seed)")
      for record in run.finished {
        let isRight = record.tokens == ServingMemory.answer(to: record.request)
        #expect(isRight, "seed \(seed), request \(record.request.id)")
        #expect(record.tokenTimes == record.tokenTimes.sorted())
        #expect(record.admitted >= record.request.arrival)
        #expect(record.tokenTimes[0] > record.admitted)
      }
      preemptions += run.scheduler.preemptions
      #expect(
        run.scheduler.preemptions == run.finished.reduce(0) { $0 + $1.preemptions },
        "seed \(seed)")
      reused += run.finished.reduce(0) { $0 + $1.reusedTokens }
    }
    // The draws must reach what they are about.
    if mode == .inFlight { #expect(preemptions > 50 && reused > 1000) }
  }

  @Test func everyTokenIsFedOnceButForWhatPreemptionsTookAndTheCacheGave() throws {
    for seed in 0..<20 as Range<UInt64> {
      let (run, requests) = try run(seed: seed, mode: .inFlight)
      let fed = run.plans.reduce(0) { $0 + $1.tokens.count }
      let wanted = requests.reduce(0) { $0 + $1.storedTokens }
      let again = run.finished.reduce(0) { $0 + $1.recomputedTokens }
      let firstReuse = run.finished.filter { $0.preemptions == 0 }
        .reduce(0) { $0 + $1.reusedTokens }
      // What a preempted sequence reuses is partly its own: known for the others only.
      if run.finished.allSatisfy({ $0.preemptions == 0 || $0.reusedTokens == 0 }) {
        #expect(fed == wanted + again - firstReuse, "seed \(seed)")
      }
      #expect(fed >= wanted - run.finished.reduce(0) { $0 + $1.reusedTokens }, "seed \(seed)")
    }
  }

  @Test func firstComeFirstServedAdmitsInOrderOfArrival() throws {
    for seed in 0..<20 as Range<UInt64> {
      let (run, _) = try run(seed: seed, mode: .inFlight, order: .fcfs)
      var seen = Set<Int>()
      let order = run.plans.flatMap(\.items).map(\.request).filter { seen.insert($0).inserted }
      #expect(order == order.sorted(), "seed \(seed)")
    }
  }

  @Test func decodesWaitForPromptsWherePrefillGoesFirst() throws {
    func phases(prefillFirst: Bool) throws -> [[Phase]] {
      let limits = try SchedulerLimits(
        maxNumTokens: 8, maxBatchSize: 4, blockSize: 4, blockCount: 64, prefillFirst: prefillFirst)
      let requests = try (0..<3).map { id in
        try ServingRequest(
          id: id, prompt: .tokens(Array(repeating: 1, count: 8)), outputTokens: 2, arrival: 0)
      }
      var random = SequentialRandom(seed: 1)
      return try ServingRun(limits: limits, requests: requests, random: &random).plans
        .map { $0.items.map(\.phase) }
    }
    let alone: [[Phase]] = [
      [.prefill], [.prefill], [.prefill], [.decode, .decode, .decode],
    ]
    #expect(try phases(prefillFirst: true) == alone)
    #expect(try phases(prefillFirst: false)[1] == [.decode, .prefill])
  }

  @Test func ordersDecideWhoGoesFirst() throws {
    func order(_ order: AdmissionOrder) throws -> [Int] {
      let limits = try SchedulerLimits(
        order: order, maxNumTokens: 64, maxBatchSize: 1, blockSize: 4, blockCount: 64)
      var scheduler = ContinuousScheduler(limits: limits)
      for (id, (prompt, priority)) in [(9, 2), (3, 1), (5, 0), (3, 2)].enumerated() {
        try scheduler.submit(
          ServingRequest(
            id: id, prompt: .tokens(Array(repeating: 1, count: prompt)), outputTokens: 1,
            arrival: 0, priority: priority))
      }
      var served: [Int] = []
      while case .run(let plan) = scheduler.next(now: 1, moreArrivals: false) {
        served.append(plan.items[0].request)
        _ = scheduler.complete(plan.id, sampled: [plan.items[0].request: 5], now: 1)
      }
      return served
    }
    #expect(try order(.fcfs) == [0, 1, 2, 3])
    #expect(try order(.shortestFirst) == [1, 3, 2, 0])
    #expect(try order(.priority) == [2, 1, 0, 3])
  }

  @Test func requestLevelRowsArePaddedToTheLongestInBothPhases() throws {
    let limits = try SchedulerLimits(
      mode: .static, maxNumTokens: 64, maxBatchSize: 3, blockSize: 4, blockCount: 64)
    var random = SequentialRandom(seed: 1)
    let requests = try [(5, 2), (9, 4), (2, 1)].enumerated().map { id, lengths in
      try ServingRequest(
        id: id, prompt: .tokens((0..<Int32(lengths.0)).map { $0 }), outputTokens: lengths.1,
        arrival: 0)
    }
    let run = try ServingRun(limits: limits, requests: requests, random: &random)
    #expect(run.plans.map(\.slots) == [27, 3, 3, 3])
    #expect(run.plans.map(\.prefillTokens) == [16, 0, 0, 0])
    #expect(run.plans.map(\.decodeTokens) == [0, 2, 1, 1])
    // The engine's static plan of the same batch has the same rows.
    let plan = try BatchPlan(
      policy: .rightPad, promptLengths: [5, 9, 2], outputLengths: [2, 4, 1], microBatches: 1)
    var pairs = plan.steps.map { $0.microBatches[0].rows.reduce(0) { $0 + $1.attentionPairs } }
    #expect(run.plans.map { $0.microBatch.rows.reduce(0) { $0 + $1.attentionPairs } } == pairs)
    pairs = plan.steps.map { $0.microBatches[0].rows.reduce(0) { $0 + $1.usefulAttentionPairs } }
    #expect(
      run.plans.map { $0.microBatch.rows.reduce(0) { $0 + $1.usefulAttentionPairs } } == pairs)
    // 3 rows of 12 columns: 9 blocks; 16 prompt tokens and 4 that were fed.
    let last = try #require(run.plans.last?.occupancy)
    #expect(last.usedBlocks == 9 && last.filledSlots == 20)
    #expect(Set(run.finished.map(\.released)).count == 1)
  }

  @Test func aStaticBatchWaitsUntilItIsFullOrNobodyCanCome() throws {
    let limits = try SchedulerLimits(
      mode: .static, maxNumTokens: 64, maxBatchSize: 2, blockSize: 4, blockCount: 64)
    var scheduler = ContinuousScheduler(limits: limits)
    try scheduler.submit(ServingRequest(id: 0, prompt: .tokens([1]), outputTokens: 1, arrival: 0))
    #expect(scheduler.next(now: 100) == .wait(until: nil))
    var last = scheduler
    guard case .run = last.next(now: 100, moreArrivals: false) else {
      Issue.record("the last batch starts although it is not full")
      return
    }
    try scheduler.submit(ServingRequest(id: 1, prompt: .tokens([1]), outputTokens: 1, arrival: 9))
    guard case .run(let plan) = scheduler.next(now: 100) else {
      Issue.record("a full batch starts")
      return
    }
    #expect(plan.items.count == 2)
  }

  @Test func aDynamicBatchStartsWhenFullOrWhenItsFirstRequestWaitedLongEnough() throws {
    let limits = try SchedulerLimits(
      mode: .dynamic, maxNumTokens: 64, maxBatchSize: 2, blockSize: 4, blockCount: 64,
      maxQueueDelay: 0.5)
    func request(_ id: Int, at arrival: Double) throws -> ServingRequest {
      try ServingRequest(id: id, prompt: .tokens([1, 2]), outputTokens: 1, arrival: arrival)
    }
    var scheduler = ContinuousScheduler(limits: limits)
    try scheduler.submit(request(0, at: 1))
    #expect(scheduler.next(now: 1) == .wait(until: 1.5))
    var full = scheduler
    try full.submit(request(1, at: 1.25))
    #expect(full.next(now: 1.1) == .wait(until: 1.25))
    guard case .run(let plan) = full.next(now: 1.25) else {
      Issue.record("a full batch starts")
      return
    }
    #expect(plan.items.count == 2)
    guard case .run(let plan) = scheduler.next(now: 1.5) else {
      Issue.record("the window is over")
      return
    }
    #expect(plan.items.count == 1)
  }

  @Test func iterationsUnderWayShareTheDecodingSequences() throws {
    let limits = try SchedulerLimits(
      maxNumTokens: 64, maxBatchSize: 4, blockSize: 4, blockCount: 64, iterationsInFlight: 2)
    var scheduler = ContinuousScheduler(limits: limits)
    for id in 0..<4 {
      try scheduler.submit(
        ServingRequest(id: id, prompt: .tokens([1, 2]), outputTokens: 9, arrival: 0))
    }
    func plan() -> IterationPlan? {
      if case .run(let plan) = scheduler.next(now: 0, moreArrivals: false) { plan } else { nil }
    }
    func complete(_ plan: IterationPlan) {
      let sampled = Dictionary(uniqueKeysWithValues: plan.items.map { ($0.request, Int32(7)) })
      _ = scheduler.complete(plan.id, sampled: sampled, now: 0)
    }
    let prefill = try #require(plan())
    #expect(prefill.items.count == 4)
    #expect(plan() == nil)
    complete(prefill)
    let first = try #require(plan())
    let second = try #require(plan())
    #expect(first.items.map(\.request) == [0, 1] && second.items.map(\.request) == [2, 3])
    #expect(scheduler.next(now: 0) == .wait(until: nil))
    complete(first)
    #expect(plan()?.items.map(\.request) == [0, 1])
  }

  @Test func theLastInOrderIsPreemptedAndEveryBlockIsToldOnce() throws {
    // Two sequences of 9 tokens need 3 blocks each; there are 4.
    let limits = try SchedulerLimits(
      maxNumTokens: 64, maxBatchSize: 2, blockSize: 4, blockCount: 4)
    var random = SequentialRandom(seed: 1)
    let requests = try (0..<2).map { id in
      try ServingRequest(id: id, prompt: .tokens([1, 2, 3]), outputTokens: 7, arrival: 0)
    }
    let run = try ServingRun(limits: limits, requests: requests, random: &random)
    let preempted = run.finished.sorted { $0.request.id < $1.request.id }.map(\.preemptions)
    #expect(preempted == [0, 1])
    let told = run.plans.flatMap(\.items).reduce(0) { $0 + $1.blocks.count - $1.knownBlocks }
    // 3 and 3, and 2 of the sequence that was preempted when it had filled them.
    #expect(told == 8)
  }

  @Test func whatCanNeverRunIsRefusedWithTheNumbers() throws {
    let limits = try SchedulerLimits(
      maxNumTokens: 8, maxBatchSize: 2, blockSize: 4, blockCount: 5, chunkedPrefill: false)
    var scheduler = ContinuousScheduler(limits: limits)
    func refusal(_ prompt: Int, _ output: Int) -> String? {
      do {
        try scheduler.submit(
          ServingRequest(
            id: 7, prompt: .tokens(Array(repeating: 1, count: prompt)), outputTokens: output,
            arrival: 0))
        return nil
      } catch { return "\(error)" }
    }
    #expect(
      refusal(8, 14)
        == "request 7 stores 21 tokens (prompt 8, output 14, the last is not stored): 6 KV blocks "
        + "of 4; the pool has 5")
    #expect(refusal(9, 1)?.contains("prompt of 9 tokens; max_num_tokens is 8") == true)
    #expect(scheduler.outstandingCount == 0)
    #expect(refusal(8, 13) == nil)
    #expect(refusal(1, 1) == "request 7 is there already; ids must differ")
  }

  @Test func limitsThatCannotWorkAreRefused() {
    func refusal(
      tokens: Int = 8, batch: Int = 2, blocks: Int = 4, mode: BatchingMode = .inFlight,
      caching: Bool = false, reservation: KVReservation = .paged, delay: Double = 0
    ) -> String {
      do {
        _ = try SchedulerLimits(
          mode: mode, maxNumTokens: tokens, maxBatchSize: batch, blockSize: 4, blockCount: blocks,
          prefixCaching: caching, reservation: reservation, maxQueueDelay: delay)
        return "none"
      } catch { return "\(error)" }
    }
    #expect(refusal() == "none")
    #expect(refusal(tokens: 1).contains("less than max_batch_size, 2"))
    #expect(refusal(blocks: 1).contains("fewer than max_batch_size, 2"))
    #expect(refusal(mode: .static, caching: true).contains("take mode in-flight"))
    #expect(refusal(mode: .static, delay: 1).contains("take mode dynamic"))
    #expect(
      refusal(reservation: .contiguous(maxSequenceLength: 17)).contains("the pool has 16"))
    #expect(
      refusal(caching: true, reservation: .contiguous(maxSequenceLength: 8))
        .contains("cannot share blocks"))
  }

  @Test func tenThousandQueuedRequestsAreAllServed() throws {
    let limits = try SchedulerLimits(
      maxNumTokens: 256, maxBatchSize: 64, blockSize: 16, blockCount: 256)
    var scheduler = ContinuousScheduler(limits: limits)
    var random = SequentialRandom(seed: 3)
    for id in 0..<10_000 {
      try scheduler.submit(
        ServingRequest(
          id: id,
          prompt: .segments([PromptSegment(content: 1, tokens: 1 + random.integer(below: 40))]),
          outputTokens: 1 + random.integer(below: 6), arrival: 0))
    }
    var ends: [Int] = []
    var now = 0.0
    while case .run(let plan) = scheduler.next(now: now, moreArrivals: false) {
      now += 0.01
      ends += scheduler.complete(plan.id, sampled: [:], now: now).map(\.request.id)
    }
    #expect(ends.count == 10_000 && Set(ends).count == 10_000)
    #expect(scheduler.next(now: now, moreArrivals: false) == .done)
    #expect(scheduler.occupancy.freeBlocks == 256)
  }
}
