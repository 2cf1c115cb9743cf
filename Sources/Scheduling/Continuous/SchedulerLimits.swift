/// When requests join and leave a batch.
public enum BatchingMode: String, Sendable, Codable, CaseIterable {
  /// Request-level batches of `maxBatchSize`: a batch starts when it is full (or nobody else can
  /// come) and ends when its last request does. Rows are padded to the longest in both phases.
  case `static`
  /// Request-level as `static`, but a batch starts no later than `maxQueueDelay` after its first
  /// request came, as Triton's dynamic batcher does.
  case dynamic
  /// Iteration-level: requests join and leave between iterations; nothing is padded.
  case inFlight = "in-flight"

  /// True when a batch is held together until its last request is done.
  public var isRequestLevel: Bool { self != .inFlight }
}

/// Which waiting request goes first. Ties go to the earlier arrival, then to the smaller id.
public enum AdmissionOrder: String, Sendable, Codable, CaseIterable {
  /// First come, first served.
  case fcfs
  /// Fewest prompt tokens first: what is left to generate is unknown to a server.
  case shortestFirst = "shortest-first"
  /// Smallest `ServingRequest.priority` first.
  case priority
}

/// How KV blocks are set aside.
public enum KVReservation: Hashable, Sendable {
  /// Block by block as tokens come.
  case paged
  /// Consecutive blocks for this many tokens when a request is admitted.
  case contiguous(maxSequenceLength: Int)
}

/// What bounds an iteration, and the rules it is put together by.
public struct SchedulerLimits: Hashable, Sendable {
  public var mode: BatchingMode
  public var order: AdmissionOrder
  /// Slots computed per iteration.
  public var maxNumTokens: Int
  /// Sequences that hold a slot at once.
  public var maxBatchSize: Int
  /// Tokens per KV block.
  public var blockSize: Int
  /// KV blocks of the pool.
  public var blockCount: Int
  /// True when a prompt may be fed over several iterations.
  public var chunkedPrefill: Bool
  /// True when decodes wait while there are prompts to feed, which then have iterations of their own.
  public var prefillFirst: Bool
  /// True when full blocks are kept and reused by requests that start with the same tokens.
  public var prefixCaching: Bool
  public var reservation: KVReservation
  /// Seconds that a request may wait for others to be admitted with it.
  public var maxQueueDelay: Double
  /// Iterations that may be under way at once: the pipeline's stages.
  public var iterationsInFlight: Int
  /// Sizes that iterations of decodes alone are filled up to; nil for none. One with a prompt token has
  /// no graph, and sizes above `maxNumTokens` are not used.
  public var graphs: GraphSizes?

  /// - Throws: `SchedulingError` saying which limit is impossible.
  public init(
    mode: BatchingMode = .inFlight, order: AdmissionOrder = .fcfs, maxNumTokens: Int,
    maxBatchSize: Int, blockSize: Int, blockCount: Int, chunkedPrefill: Bool = true,
    prefillFirst: Bool = false, prefixCaching: Bool = false,
    reservation: KVReservation = .paged, maxQueueDelay: Double = 0,
    iterationsInFlight: Int = 1, graphs: GraphSizes? = nil
  ) throws(SchedulingError) {
    self.mode = mode
    self.order = order
    self.maxNumTokens = maxNumTokens
    self.maxBatchSize = maxBatchSize
    self.blockSize = blockSize
    self.blockCount = blockCount
    self.chunkedPrefill = chunkedPrefill
    self.prefillFirst = prefillFirst
    self.prefixCaching = prefixCaching
    self.reservation = reservation
    self.maxQueueDelay = maxQueueDelay
    self.iterationsInFlight = iterationsInFlight
    self.graphs = graphs
    try validate()
  }

  private func validate() throws(SchedulingError) {
    let largest = 1 << 30
    for (name, value) in [
      ("max_num_tokens", maxNumTokens), ("max_batch_size", maxBatchSize),
      ("block size", blockSize), ("block count", blockCount),
      ("iterations in flight", iterationsInFlight),
    ] {
      guard (1...largest).contains(value) else {
        throw SchedulingError("\(name) is \(value); it must be from 1 to \(largest)")
      }
    }
    guard maxNumTokens >= maxBatchSize else {
      throw SchedulingError(
        "max_num_tokens is \(maxNumTokens), less than max_batch_size, \(maxBatchSize): an "
          + "iteration could not decode one token of each sequence")
    }
    guard blockCount >= maxBatchSize else {
      throw SchedulingError(
        "the pool has \(blockCount) KV blocks of \(blockSize) tokens, fewer than max_batch_size, "
          + "\(maxBatchSize): each running sequence needs at least one; take a larger pool or a "
          + "max_batch_size of at most \(blockCount)")
    }
    guard maxQueueDelay >= 0, maxQueueDelay.isFinite else {
      throw SchedulingError("the queue delay is \(maxQueueDelay) s; it must be 0 or more")
    }
    guard !mode.isRequestLevel || !prefixCaching else {
      throw SchedulingError(
        "mode \(mode.rawValue) computes whole rectangles and cannot start rows in their middle: "
          + "leave out the prefix cache, or take mode in-flight")
    }
    guard mode != .static || maxQueueDelay == 0 else {
      throw SchedulingError(
        "mode static waits until a batch is full, however long; leave out the queue delay, or take "
          + "mode dynamic")
    }
    guard case .contiguous(let length) = reservation else { return }
    guard (1...blockCount * blockSize).contains(length) else {
      throw SchedulingError(
        "each request reserves \(length) tokens of KV; the pool has \(blockCount * blockSize) "
          + "(\(blockCount) blocks of \(blockSize))")
    }
    guard !prefixCaching else {
      throw SchedulingError(
        "contiguous reservation cannot share blocks: leave out the prefix cache, or take paged "
          + "reservation")
    }
  }

  /// Blocks that are there: the pool's, and one behind them for rows that fill up a graph's size.
  public var physicalBlocks: Int { blockCount + (graphs == nil ? 0 : 1) }

  /// Blocks that hold this many tokens.
  public func blocks(for tokens: Int) -> Int { (tokens + blockSize - 1) / blockSize }

  /// Consecutive blocks that are set aside at once.
  public var run: Int {
    if case .contiguous(let length) = reservation { return blocks(for: length) }
    return 1
  }

  /// Blocks that a sequence holds with this many KV slots.
  public func heldBlocks(for slots: Int) -> Int {
    if case .contiguous = reservation { return run }
    return blocks(for: slots)
  }

  /// True when a sequence may have this many KV slots.
  func fits(sequence slots: Int) -> Bool {
    if case .contiguous(let length) = reservation { return slots <= length }
    return blocks(for: slots) <= blockCount
  }

  /// Blocks that admissions leave free while others run, so that those can grow: 1 % of the pool
  /// (vLLM's `watermark`). A reservation grows not.
  var watermarkBlocks: Int { reservation == .paged ? blockCount / 100 : 0 }

  /// - Throws: `SchedulingError` with the numbers when a request can never run.
  public func check(_ request: ServingRequest) throws(SchedulingError) {
    let stored = request.storedTokens
    let prompt = request.prompt.count
    guard fits(sequence: stored) else {
      var limit = "\(blocks(for: stored)) KV blocks of \(blockSize); the pool has \(blockCount)"
      if case .contiguous(let length) = reservation {
        limit = "the longest sequence allowed is \(length)"
      }
      throw SchedulingError(
        "request \(request.id) stores \(stored) tokens (prompt \(prompt), output "
          + "\(request.outputTokens), the last is not stored): \(limit)")
    }
    guard prompt <= maxNumTokens || (chunkedPrefill && !mode.isRequestLevel) else {
      throw SchedulingError(
        "request \(request.id) has a prompt of \(prompt) tokens; max_num_tokens is "
          + "\(maxNumTokens) and prompts are not cut into chunks"
          + (mode.isRequestLevel ? " in mode \(mode.rawValue)" : ""))
    }
  }
}
