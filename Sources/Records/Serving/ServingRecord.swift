/// What a serving run came to: counts, and figures under vLLM's names.
public struct ServingRecord: Record, Hashable {
  public static let schemaName = "padtax/serving"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var run: ServingRun
  /// Ranks of the layout: throughput per rank is throughput over these.
  public var ranks: Int
  /// Requests sent, answered, and refused because they can never run.
  public var requests: Int
  public var completed: Int
  public var refused: Int
  /// Service levels, such as `ttft:200 tpot:50`; empty for none.
  public var levels: ServiceLevels
  /// The window that figures are of, seconds from the start of the run: requests that arrived in it.
  public var windowStart: Double
  public var windowEnd: Double
  public var windowRequests: Int
  /// False when the run never became steady, so that the window is all of it.
  public var isSteady: Bool
  /// Settings that bound the run.
  public var maxBatchSize: Int
  public var maxNumTokens: Int
  public var blockSize: Int
  public var blockCount: Int
  /// Sequences that contiguous reservation has room for; nil where blocks are paged.
  public var reservations: Int?
  /// Most sequences at once, and sequences preempted.
  public var peakRunning: Int
  public var peakWaiting: Int
  public var preemptions: Int
  public var iterations: Int
  /// Sums over iterations.
  public var prefillTokens: Int
  public var prefillSlots: Int
  public var decodeTokens: Int
  public var decodeSlots: Int
  /// Decode slots that fill up a graph's size; nil where none does.
  public var graphSlots: Int?
  public var pairs: Int
  public var usefulPairs: Int
  /// W = 1 − filled/held KV slots, weighted by the time of each iteration.
  public var memoryWaste: Double
  public var promptTokens: Int
  public var reusedTokens: Int
  public var recomputedTokens: Int
  /// Bytes of the plans that rank 0 broadcast.
  public var planBytes: Int
  /// Control traffic of all ranks: messages, each counted where it is sent, and their bytes; plans,
  /// rests and ends, padded to whole broadcasts. Nil where it was not kept.
  public var controlMessages: Int?
  public var controlBytes: Int?
  /// KV blocks of a request when its last token is stored, in the mean: what the pool holds of such
  /// blocks is how many requests there can be at once. Nil in records of before it was kept.
  public var meanRequestBlocks: Double?
  /// Requests a second that clients sent; nil where nothing but answers held them back.
  public var offeredRate: Double?
  /// What rates and service levels of the job were multiples of.
  public var calibration: ServingCalibration?
  /// Of the requests in the window: `mean_ttft_ms`, `p99_itl_ms`, `request_throughput` … What has
  /// no value (`tpot` where every output is one token) is absent.
  public var metrics: [String: Double]

  public init(run: ServingRun, ranks: Int, levels: ServiceLevels) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.run = run
    self.ranks = ranks
    self.levels = levels
    (requests, completed, refused, windowRequests) = (0, 0, 0, 0)
    (windowStart, windowEnd, memoryWaste) = (0, 0, 0)
    (maxBatchSize, maxNumTokens, blockSize, blockCount) = (0, 0, 0, 0)
    (peakRunning, peakWaiting, preemptions, iterations) = (0, 0, 0, 0)
    (prefillTokens, prefillSlots, decodeTokens, decodeSlots) = (0, 0, 0, 0)
    (pairs, usefulPairs, promptTokens, reusedTokens) = (0, 0, 0, 0)
    (recomputedTokens, planBytes) = (0, 0)
    isSteady = true
    metrics = [:]
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, run, ranks, requests, completed, refused, levels
    case windowStart = "window_start_s"
    case windowEnd = "window_end_s"
    case windowRequests = "window_requests"
    case isSteady = "is_steady"
    case maxBatchSize = "max_batch_size"
    case maxNumTokens = "max_num_tokens"
    case blockSize = "block_size"
    case blockCount = "block_count"
    case reservations
    case peakRunning = "peak_running"
    case peakWaiting = "peak_waiting"
    case preemptions, iterations
    case prefillTokens = "prefill_tokens"
    case prefillSlots = "prefill_slots"
    case decodeTokens = "decode_tokens"
    case decodeSlots = "decode_slots"
    case graphSlots = "graph_slots"
    case pairs
    case usefulPairs = "useful_pairs"
    case memoryWaste = "memory_waste"
    case promptTokens = "prompt_tokens"
    case reusedTokens = "reused_tokens"
    case recomputedTokens = "recomputed_tokens"
    case planBytes = "plan_bytes"
    case controlMessages = "control_messages"
    case controlBytes = "control_bytes"
    case meanRequestBlocks = "mean_request_blocks"
    case offeredRate = "offered_rate"
    case calibration
    case metrics
  }
}
