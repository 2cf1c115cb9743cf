import Scheduling
import Workloads

/// A job's section `serving`: requests that come over time instead of batches.
public struct ServingChoice: Hashable, Sendable, Codable {
  public var systems: [ServingSystem]
  public var loads: [ArrivalProcess]
  public var requests: ServingRequests
  /// Open loops send no more than this many at once; nil for no limit.
  public var maxConcurrency: Int?
  public var maxNumTokens: Int
  public var maxBatchSize: Int
  public var maxSequenceLength: Int
  public var blockSize: Int
  /// Share of the memory that is free for the KV pool, and its cap in tokens.
  public var kvFreeMemoryFraction: Double
  public var maxTokensInPagedKVCache: Int?
  public var levels: ServiceLevels
  /// True where rates and levels are multiples of what the cell's ranks were found to serve
  /// (`ServingCalibration`).
  public var isCalibrated: Bool
  /// Leading requests left out of the figures; nil finds the steady state.
  public var warmupRequests: Int?
  /// Of the job's backend.
  public var graphs: GraphSizes?

  public init(
    systems: [ServingSystem], loads: [ArrivalProcess], requests: ServingRequests,
    maxConcurrency: Int? = nil, maxNumTokens: Int = 2048, maxBatchSize: Int = 32,
    maxSequenceLength: Int, blockSize: Int = 16, kvFreeMemoryFraction: Double = 0.9,
    maxTokensInPagedKVCache: Int? = nil, levels: ServiceLevels = .init(),
    isCalibrated: Bool = false, warmupRequests: Int? = nil
  ) {
    self.systems = systems
    self.loads = loads
    self.requests = requests
    self.maxConcurrency = maxConcurrency
    self.maxNumTokens = maxNumTokens
    self.maxBatchSize = maxBatchSize
    self.maxSequenceLength = maxSequenceLength
    self.blockSize = blockSize
    self.kvFreeMemoryFraction = kvFreeMemoryFraction
    self.maxTokensInPagedKVCache = maxTokensInPagedKVCache
    self.levels = levels
    self.isCalibrated = isCalibrated
    self.warmupRequests = warmupRequests
  }

  /// The scheduler's limits of one system.
  /// - Parameters:
  ///   - blockCount: of the pool that memory has room for.
  ///   - stages: of the pipeline.
  public func limits(
    _ system: ServingSystem, blockCount: Int, stages: Int
  ) throws(SchedulingError) -> SchedulerLimits {
    try system.limits(
      maxNumTokens: maxNumTokens, maxBatchSize: maxBatchSize,
      maxSequenceLength: maxSequenceLength, blockSize: blockSize, blockCount: blockCount,
      stages: stages, graphs: graphs)
  }

  /// The pool that a rank's free memory has room for.
  public func poolSize(
    freeBytes: Int, bytesPerToken: Int
  ) throws(SchedulingError) -> KVPoolSize {
    // One block behind the pool is the graphs'.
    let own = graphs == nil ? 0 : bytesPerToken * blockSize
    return try KVPoolSize(
      freeBytes: freeBytes - own, fraction: kvFreeMemoryFraction,
      maxTokens: maxTokensInPagedKVCache,
      bytesPerToken: bytesPerToken, blockSize: blockSize)
  }
}

/// Where the requests of a serving job come from.
public struct ServingRequests: Hashable, Sendable, Codable {
  public enum Source: Hashable, Sendable, Codable {
    case mix(ServingMix)
    /// Path of a trace (`TraceFormat`), and the first request taken.
    case trace(path: String, first: Int)
  }
  public var count: Int
  public var source: Source
  /// Longer prompts and outputs of a trace are cut to these; nil cuts nothing.
  public var longestPrompt: Int?
  public var longestOutput: Int?

  public init(
    count: Int, source: Source, longestPrompt: Int? = nil, longestOutput: Int? = nil
  ) {
    self.count = count
    self.source = source
    self.longestPrompt = longestPrompt
    self.longestOutput = longestOutput
  }

  /// The requests, with ids from 0.
  /// - Throws: `WorkloadError` with file and line, or what cannot be drawn.
  public func entries(seed: UInt64) throws(WorkloadError) -> [ServingEntry] {
    switch source {
    case .mix(let mix):
      return try mix.entries(count: count, seed: seed).map { entry in
        var entry = entry
        entry.promptLength = min(entry.promptLength, longestPrompt ?? .max)
        entry.sharedTokens = min(entry.sharedTokens, entry.promptLength)
        entry.outputLength = min(entry.outputLength, longestOutput ?? .max)
        return entry
      }
    case .trace(let path, let first):
      let limits = LengthLimits(
        maximumPrompt: longestPrompt, overlong: .clip, empty: .drop, maximumOutput: longestOutput)
      let list = try RequestList.trace(contentsOf: path, limits: limits)
      guard first + count <= list.requests.count else {
        throw WorkloadError(
          file: path,
          "has \(list.requests.count) requests; the job takes \(count) from \(first) on")
      }
      let taken = list.requests[first..<first + count]
      return taken.enumerated().map { id, request in
        var entry = ServingEntry(
          id: id, kind: "trace", promptLength: request.promptLength,
          outputLength: request.outputLength ?? 1)
        entry.recorded = request.arrival
        entry.tokens = request.tokens
        return entry
      }
    }
  }
}
