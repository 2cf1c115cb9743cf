import Scheduling
import Statistics
import Testing

@Suite struct PrefixCacheTests {
  /// Serves requests one after another and returns the tokens that each one reused.
  private func reused(
    _ prompts: [([Int32], String)], blocks: Int = 32,
    hash: @escaping PrefixHash = PrefixCache.standardHash
  ) throws -> [Int] {
    let limits = try SchedulerLimits(
      maxNumTokens: 64, maxBatchSize: 1, blockSize: 4, blockCount: blocks, prefixCaching: true)
    var random = SequentialRandom(seed: 1)
    let requests = try prompts.enumerated().map { id, prompt in
      try ServingRequest(
        id: id, prompt: .tokens(prompt.0), outputTokens: 1, arrival: Double(id), salt: prompt.1)
    }
    let run = try ServingRun(limits: limits, requests: requests, random: &random, hash: hash)
    return run.finished.sorted { $0.request.id < $1.request.id }.map(\.reusedTokens)
  }

  private let prompt: [Int32] = [1, 2, 3, 4, 5, 6, 7, 8, 9]

  @Test func fullBlocksOfTheSamePrefixAreReused() throws {
    #expect(try reused([(prompt, ""), (prompt, "")]) == [0, 8])
    #expect(try reused([(prompt, ""), ([1, 2, 3, 4, 5, 6, 7, 0, 9], "")]) == [0, 4])
    #expect(try reused([(prompt, ""), ([0] + prompt.dropFirst(), "")]) == [0, 0])
    // Of a prompt that is there whole, the last block is fed again: its logits are wanted.
    #expect(try reused([(prompt, ""), (Array(prompt.prefix(8)), "")]) == [0, 4])
  }

  @Test func aBlockInTheMiddleIsNotFoundWithoutItsPrefix() throws {
    #expect(try reused([(prompt, ""), ([5, 6, 7, 8, 9, 9], "")]) == [0, 0])
  }

  @Test func saltsDoNotShare() throws {
    #expect(
      try reused([(prompt, "a"), (prompt, "b"), (prompt, ""), (prompt, "a")]) == [0, 0, 0, 8])
  }

  @Test func theBlockUnusedForLongestIsEvictedFirst() throws {
    let other: [Int32] = [11, 12, 13, 14, 15, 16, 17, 18, 19]
    let third: [Int32] = [21, 22, 23, 24, 25, 26, 27, 28, 29]
    // 6 blocks: two prompts keep two blocks each; the third takes the end of the oldest.
    #expect(try reused([(prompt, ""), (other, ""), (third, ""), (other, "")], blocks: 6)[3] == 8)
    #expect(try reused([(prompt, ""), (other, ""), (third, ""), (prompt, "")], blocks: 6)[3] == 4)
    // Used again in between, it is the other one that goes.
    let touched = try reused(
      [(prompt, ""), (other, ""), (prompt, ""), (third, ""), (prompt, "")], blocks: 6)
    #expect(touched[4] == 8)
  }

  /// The driver checks in every plan that no table reaches a block that another salt stored or
  /// whose tokens differ; here hashes collide on purpose, and the pool is small.
  @Test(arguments: [1, 2, 7] as [UInt64])
  func tenantsStayApartWhenAllHashesCollide(values: UInt64) throws {
    var reused = 0
    var evictions = 0
    for seed in 100..<115 as Range<UInt64> {
      var random = SequentialRandom(seed: seed)
      let limits = try ServingCase.limits(&random, mode: .inFlight, prefixCaching: true)
      var requests = try ServingCase.requests(&random, count: 40, limits: limits)
      // Each prompt comes under several salts.
      let twins = try requests.map {
        try ServingRequest(
          id: 100 + $0.id, prompt: $0.prompt, outputTokens: $0.outputTokens,
          arrival: $0.arrival + Double(random.integer(below: 3)), salt: $0.salt + "2")
      }
      requests += twins
      let run = try ServingRun(
        limits: limits, requests: requests, random: &random,
        hash: { _, content, _ in (content.first ?? 0) % values })
      #expect(run.finished.count == 80, "seed \(seed)")
      for record in run.finished {
        let isRight = record.tokens == ServingMemory.answer(to: record.request)
        #expect(isRight, "seed \(seed), request \(record.request.id)")
      }
      reused += run.finished.reduce(0) { $0 + $1.reusedTokens }
      evictions += run.scheduler.evictions
    }
    #expect(reused > 500 && evictions > 500)
  }

  @Test func segmentsAreReusedAsTokensAre() throws {
    let limits = try SchedulerLimits(
      maxNumTokens: 64, maxBatchSize: 2, blockSize: 4, blockCount: 32, prefixCaching: true)
    var scheduler = ContinuousScheduler(limits: limits)
    let shared = PromptSegment(content: 77, tokens: 10)
    for id in 0..<3 {
      try scheduler.submit(
        ServingRequest(
          id: id,
          prompt: .segments([shared, PromptSegment(content: UInt64(id), tokens: 6)]),
          outputTokens: 9, arrival: Double(id), salt: id == 2 ? "other" : ""))
    }
    var reused: [Int] = []
    var now = 0.0
    while true {
      switch scheduler.next(now: now, moreArrivals: false) {
      case .run(let plan):
        reused += scheduler.complete(plan.id, sampled: [:], now: now).map(\.reusedTokens)
      case .wait(let until): now = until ?? now
      case .done:
        // Two full blocks lie within the shared 10 tokens, whatever was generated.
        #expect(reused == [0, 8, 0])
        return
      }
    }
  }
}
