import Scheduling

/// One iteration of a serving run: what was computed and how long it took. Seconds count from the
/// start of the run.
public struct IterationRecord: Record, Hashable {
  public static let schemaName = "padtax/iteration"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var run: ServingRun
  public var iteration: Int
  /// When the plan was made, and from there to when its tokens were there.
  public var startSeconds: Double
  public var stepSeconds: Double
  /// Sequences with a part in it.
  public var batch: Int
  public var prefillTokens: Int
  public var decodeTokens: Int
  /// Slots computed in rows of either phase; what is not a token is padding.
  public var prefillSlots: Int
  public var decodeSlots: Int
  /// Those of them that fill up a graph's size; nil where there are none.
  public var graphSlots: Int?
  /// (query, key) pairs of attention, all and between real tokens.
  public var pairs: Int
  public var usefulPairs: Int
  /// Sequences that held a slot, and requests that waited.
  public var running: Int
  public var waiting: Int
  public var preemptions: Int
  /// The pool when the iteration is through.
  public var kv: KVOccupancy
  /// Bytes of the plan that rank 0 broadcast.
  public var planBytes: Int

  /// - Parameters:
  ///   - scheduler: as it stood when it had made the plan.
  ///   - preemptions: those that making the plan took.
  public init(
    run: ServingRun, plan: IterationPlan, scheduler: ContinuousScheduler, preemptions: Int,
    startSeconds: Double, stepSeconds: Double, planBytes: Int
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.run = run
    iteration = plan.id
    self.startSeconds = startSeconds
    self.stepSeconds = stepSeconds
    batch = plan.requestItems.count
    prefillTokens = plan.prefillTokens
    decodeTokens = plan.decodeTokens
    prefillSlots = plan.items.reduce(0) { $0 + ($1.phase == .prefill ? $1.row.slots : 0) }
    decodeSlots = plan.slots - prefillSlots
    graphSlots = plan.graphRows > 0 ? plan.graphRows : nil
    pairs = plan.items.reduce(0) { $0 + $1.row.attentionPairs }
    usefulPairs = plan.items.reduce(0) { $0 + $1.row.usefulAttentionPairs }
    running = scheduler.runningCount
    waiting = scheduler.waitingCount
    self.preemptions = preemptions
    kv = plan.occupancy
    self.planBytes = planBytes
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, run, iteration
    case startSeconds = "start_s"
    case stepSeconds = "step_s"
    case batch
    case prefillTokens = "prefill_tokens"
    case decodeTokens = "decode_tokens"
    case prefillSlots = "prefill_slots"
    case decodeSlots = "decode_slots"
    case graphSlots = "graph_slots"
    case pairs
    case usefulPairs = "useful_pairs"
    case running, waiting, preemptions, kv
    case planBytes = "plan_bytes"
  }
}
