/// Decides, iteration by iteration, which tokens of which requests are computed together.
///
/// A pure state machine: time is a value that the caller brings, nothing is random, and copies go
/// their own ways. The caller submits requests, asks for plans, runs or prices them, and reports
/// them complete; up to `iterationsInFlight` plans may be under way, never two with the same
/// sequence. A decision costs O(running sequences) and O(log waiting) per admission.
public struct ContinuousScheduler: Sendable {
  public let limits: SchedulerLimits
  /// Requests that came and hold no slot.
  var waiting = AdmissionQueue()
  /// Records of all requests that hold no slot.
  var records: [Int: FinishedRequest] = [:]
  /// Requests that come later.
  private var future = AdmissionQueue()
  /// Ids of all requests that are not finished.
  private var outstanding: Set<Int> = []
  /// By slot; nil where it is free.
  var sequences: [RunningSequence?]
  var freeSlots: [Int]
  /// Occupied slots, first in the admission order first.
  var running: [Int] = []
  var pool: KVBlockPool
  /// Blocks that prefills under way will need beyond those they hold.
  var promised = 0
  /// Slots of held blocks without a token.
  var emptySlots = 0
  /// When waiting requests may be admitted: set when the first one comes.
  var windowEnd = 0.0
  /// The request that did not fit last, and the blocks that were there for it.
  var blocked: (id: Int, room: Int)?
  /// The request-level batch under way.
  var batch: RequestBatch?
  /// Slots freed since the last plan.
  var freed: [Int] = []
  /// Items of plans under way.
  private var inFlight: [Int: [IterationItem]] = [:]
  private var nextPlan = 0
  /// Sequences preempted so far.
  public internal(set) var preemptions = 0

  /// - Parameter hash: of the prefix cache; only tests give another one.
  public init(
    limits: SchedulerLimits, hash: @escaping PrefixHash = PrefixCache.standardHash
  ) {
    self.limits = limits
    sequences = Array(repeating: nil, count: limits.maxBatchSize)
    freeSlots = (0..<limits.maxBatchSize).reversed()
    pool = KVBlockPool(
      blockCount: limits.blockCount, blockSize: limits.blockSize, run: limits.run,
      cache: limits.prefixCaching
        ? PrefixCache(blockCount: limits.blockCount, hash: hash) : nil)
  }

  /// Requests that hold a slot, that wait for one, and that are not finished.
  public var runningCount: Int { running.count }
  public var waitingCount: Int { waiting.count }
  public var outstandingCount: Int { outstanding.count }
  public var plansInFlight: Int { inFlight.count }
  /// Blocks that the prefix cache gave up for others.
  public var evictions: Int { pool.cache?.evictions ?? 0 }

  /// Takes a request; it is seen from its arrival on.
  /// - Throws: `SchedulingError` with the numbers when it can never run, or its id is taken.
  public mutating func submit(_ request: ServingRequest) throws(SchedulingError) {
    try limits.check(request)
    guard outstanding.insert(request.id).inserted else {
      throw SchedulingError("request \(request.id) is there already; ids must differ")
    }
    records[request.id] = FinishedRequest(request: request)
    future.push(AdmissionKey(request, .fcfs))
  }

  /// What to do at `now`, seconds on the clock of the arrivals; never earlier than the call before.
  /// - Parameter moreArrivals: false when nobody can submit before something completes, so that a
  ///   batch need not wait for company.
  public mutating func next(now: Double, moreArrivals: Bool = true) -> Decision {
    while let key = future.first, key.arrival <= now, let record = records[key.id] {
      _ = future.pop()
      if waiting.isEmpty { windowEnd = key.arrival + limits.maxQueueDelay }
      waiting.push(AdmissionKey(record.request, limits.order))
    }
    guard inFlight.count < limits.iterationsInFlight else { return .wait(until: nil) }
    let mayCome = moreArrivals || !future.isEmpty
    let items =
      limits.mode.isRequestLevel
      ? planRequestLevel(now: now, mayCome: mayCome) : planInFlight(now: now, mayCome: mayCome)
    if !items.isEmpty { return .run(plan(items)) }
    if outstanding.isEmpty && !moreArrivals { return .done }
    var until = future.first?.arrival
    if !waiting.isEmpty, windowEnd > now, limits.mode != .static {
      until = min(until ?? windowEnd, windowEnd)
    }
    return .wait(until: until)
  }

  private mutating func plan(_ items: [IterationItem]) -> IterationPlan {
    var plan = IterationPlan(id: nextPlan, items: items, freedSlots: freed)
    for item in items {
      let fed = item.firstToken..<item.firstToken + item.tokens
      sequences[item.slot]?.record.append(fed, to: &plan.tokens)
    }
    if let graphs = limits.graphs, plan.isDecode {
      let added = graphs.added(to: items.count, most: limits.maxNumTokens)
      plan.addGraphRows(added, slot: limits.maxBatchSize, block: Int32(limits.blockCount))
    }
    plan.occupancy = occupancy
    freed = []
    inFlight[nextPlan] = items
    nextPlan += 1
    return plan
  }

  /// Takes in what a plan sampled, and ejects the sequences that are through.
  /// - Parameters:
  ///   - sampled: per request id, the token sampled; may be empty where prompts are segments.
  ///   - now: when the tokens were there.
  /// - Returns: the requests that are finished, in the plan's order; those of a request-level batch
  ///   all at once when it ends.
  public mutating func complete(
    _ id: Int, sampled: [Int: Int32], now: Double
  ) -> [FinishedRequest] {
    guard let items = inFlight.removeValue(forKey: id) else {
      preconditionFailure("plan \(id) is not in flight")
    }
    for item in items { complete(item, sampled: sampled[item.request], now: now) }
    if limits.mode.isRequestLevel { return completeRequestLevel(items, now: now) }
    return items.compactMap { item in
      let isComplete = sequences[item.slot]?.record.isComplete == true
      return isComplete ? finish(item.slot, now: now) : nil
    }
  }

  private mutating func complete(_ item: IterationItem, sampled: Int32?, now: Double) {
    guard var sequence = sequences[item.slot] else {
      preconditionFailure("slot \(item.slot) of a plan in flight is free")
    }
    // Taken out while it changes, so that its arrays are not copied.
    sequences[item.slot] = nil
    sequence.isInFlight = false
    if item.samples {
      sequence.record.tokenTimes.append(now)
      if let sampled {
        sequence.record.tokens.append(sampled)
      } else if case .tokens = sequence.record.request.prompt {
        preconditionFailure("request \(item.request) sampled a token that was not handed in")
      }
    }
    keep(&sequence)
    sequences[item.slot] = sequence
  }

  /// Frees the slot of a sequence that is through.
  mutating func finish(_ slot: Int, now: Double) -> FinishedRequest? {
    guard var record = release(slot)?.record else { return nil }
    record.released = now
    outstanding.remove(record.request.id)
    return record
  }
}
