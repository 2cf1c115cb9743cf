import Scheduling
import Statistics
import Testing

/// Drives a scheduler as an engine would and holds every plan against `ServingMemory`.
struct ServingRun {
  var scheduler: ContinuousScheduler
  var finished: [FinishedRequest] = []
  var plans: [IterationPlan] = []

  /// - Parameter requests: submitted at the start; they are seen from their arrival on.
  init(
    limits: SchedulerLimits, requests: [ServingRequest], random: inout SequentialRandom,
    hash: @escaping PrefixHash = PrefixCache.standardHash
  ) throws {
    scheduler = ContinuousScheduler(limits: limits, hash: hash)
    for request in requests { try scheduler.submit(request) }
    var now = 0.0
    var inFlight: [IterationPlan] = []
    var memory = ServingMemory(limits: limits, requests: requests)
    var tables = BlockTables()
    for _ in 0..<100_000 {
      let decision = scheduler.next(now: now, moreArrivals: false)
      var isWaiting = false
      switch decision {
      case .done:
        #expect(inFlight.isEmpty)
        #expect(scheduler.outstandingCount == 0 && scheduler.runningCount == 0)
        return
      case .run(let plan):
        plans.append(plan)
        inFlight.append(plan)
        #expect(inFlight.count <= limits.iterationsInFlight)
        let busy = inFlight.flatMap(\.requestItems).map(\.request)
        #expect(Set(busy).count == busy.count)
        var told = try tables.decode(plan.encoded())
        told.occupancy = plan.occupancy
        let isSame = told == plan
        #expect(isSame, "plan \(plan.id) is not what was encoded")
        memory.store(plan)
      case .wait(let until):
        isWaiting = true
        if inFlight.isEmpty {
          now = try #require(until, "the scheduler waits for nothing")
        } else if let until, random.integer(below: 2) == 0 {
          now = max(now, until)
        }
      }
      let isFull = inFlight.count == limits.iterationsInFlight
      guard !inFlight.isEmpty, isFull || isWaiting || random.integer(below: 2) == 0 else {
        continue
      }
      let plan = inFlight.removeFirst()
      now += 0.25
      finished += scheduler.complete(plan.id, sampled: memory.sample(plan), now: now)
    }
    Issue.record("the run does not end")
  }
}

/// What an engine's KV memory holds, and a model whose next token is a function of all tokens that
/// are reached through a block table: wrong tables give wrong answers.
struct ServingMemory {
  let limits: SchedulerLimits
  let requests: [Int: ServingRequest]
  /// Per block and slot the token and the salt of who stored it.
  private var cells: [[(token: Int32, salt: String)]]
  /// By slot: who has it, its table and its KV slots in use.
  private var live: [Int: (request: Int, blocks: [Int32], end: Int)] = [:]

  init(limits: SchedulerLimits, requests: [ServingRequest]) {
    self.limits = limits
    self.requests = Dictionary(uniqueKeysWithValues: requests.map { ($0.id, $0) })
    cells = Array(
      repeating: Array(repeating: (-1, "nobody"), count: limits.blockSize),
      count: limits.blockCount)
  }

  /// The token that the model generates after these.
  static func following(_ tokens: [Int32]) -> Int32 {
    Int32(tokens.reduce(17) { ($0 &* 31 &+ Int($1) &+ 7) % 99991 })
  }

  static func answer(to request: ServingRequest) -> [Int32] {
    guard case .tokens(var tokens) = request.prompt else { return [] }
    for _ in 0..<request.outputTokens { tokens.append(following(tokens)) }
    return Array(tokens.suffix(request.outputTokens))
  }

  mutating func store(_ plan: IterationPlan) {
    #expect(!plan.items.isEmpty)
    #expect(plan.slots <= limits.maxNumTokens)
    #expect(plan.requestItems.count <= limits.maxBatchSize)
    for slot in plan.freedSlots { live[slot] = nil }
    var fed = plan.tokens[...]
    for item in plan.requestItems {
      let old = live[item.slot]
      #expect(old == nil || old?.request == item.request, "a slot has one request")
      let isKnown = old?.blocks.starts(with: item.blocks.prefix(item.knownBlocks))
      #expect(isKnown ?? (item.knownBlocks == 0))
      #expect(item.blocks.count <= limits.heldBlocks(for: item.row.context + item.row.slots))
      live[item.slot] = (item.request, item.blocks, item.row.context + item.row.slots)
      for position in item.row.context..<item.row.context + item.tokens {
        let block = Int(item.blocks[position / limits.blockSize])
        let salt = requests[item.request]?.salt ?? "?"
        cells[block][position % limits.blockSize] = (fed.removeFirst(), salt)
      }
    }
    #expect(fed.isEmpty)
    checkBlocks(plan.occupancy)
  }

  /// Each held block is in one table, or holds the same prefix of one salt in all of them.
  private func checkBlocks(_ occupancy: KVOccupancy) {
    var owner: [Int32: (slot: Int, index: Int)] = [:]
    for (slot, sequence) in live.sorted(by: { $0.key < $1.key }) {
      #expect(Set(sequence.blocks).count == sequence.blocks.count)
      for (index, block) in sequence.blocks.enumerated() {
        guard let other = owner[block], let first = live[other.slot] else {
          owner[block] = (slot, index)
          continue
        }
        #expect(limits.prefixCaching && other.index == index)
        // Not through the same blocks: two may have computed one of them at the same time.
        #expect(
          content(first.blocks.prefix(index + 1)) == content(sequence.blocks.prefix(index + 1)))
        #expect((index + 1) * limits.blockSize <= min(first.end, sequence.end))
        #expect(requests[first.request]?.salt == requests[sequence.request]?.salt)
      }
    }
    #expect(occupancy.usedBlocks == owner.count)
    #expect(
      occupancy.usedBlocks + occupancy.cachedBlocks + occupancy.freeBlocks
        == limits.blockCount / limits.run * limits.run)
    #expect(
      occupancy.filledSlots + occupancy.emptySlots == occupancy.usedBlocks * limits.blockSize)
  }

  private func content(_ blocks: ArraySlice<Int32>) -> [Int32] {
    blocks.flatMap { cells[Int($0)].map(\.token) }
  }

  /// Samples what a plan's rows predict, from the tokens that their tables lead to.
  func sample(_ plan: IterationPlan) -> [Int: Int32] {
    var sampled: [Int: Int32] = [:]
    for item in plan.items where item.samples {
      let seen = (0..<item.row.context + item.tokens).filter { !item.row.masked.contains($0) }
        .map { cells[Int(item.blocks[$0 / limits.blockSize])][$0 % limits.blockSize] }
      #expect(seen.allSatisfy { $0.salt == requests[item.request]?.salt }, "another tenant's block")
      #expect(seen.count == item.firstToken + item.tokens)
      sampled[item.request] = Self.following(seen.map(\.token))
    }
    return sampled
  }
}
