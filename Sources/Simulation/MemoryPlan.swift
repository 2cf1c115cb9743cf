import Models
import Scheduling
import Units

/// What a device of each stage holds while a batch runs, every term named.
///
/// Weights: all parameters of the shard in the deployment's format. Keys and values: every slot that
/// the plan reserves, of all micro-batches, for all are in flight. Activations: input and output of
/// products and what attention and the feed-forward of one block of slots hold. Logits: fp32, own
/// columns, and all of them on the root. Buffers: the ring of activations between stages. Reserve: the
/// share left to the runtime.
public struct MemoryPlan: Sendable, Hashable {
  /// Bytes on one device.
  public struct Terms: Sendable, Hashable, Encodable {
    public var weights = 0.0
    public var cache = 0.0
    public var activations = 0.0
    public var logits = 0.0
    public var buffers = 0.0
    public var reserve = 0.0

    public var total: Double { weights + cache + activations + logits + buffers + reserve }

    /// Terms under the names that people read.
    public var named: [(name: String, bytes: Double)] {
      [
        ("weights", weights), ("KV cache", cache), ("activations", activations),
        ("logits", logits), ("communication buffers", buffers), ("reserve", reserve),
      ]
    }
  }

  /// What a batch asks for, the largest of its plans in each respect.
  public struct Demand: Sendable, Hashable {
    /// KV slots of one replica, all micro-batches together.
    public var kvSlots: Int
    /// Slots of the largest micro-batch, and its rows through the head.
    public var slots: Int
    public var headRows: Int
    public var microBatches: Int

    public init(kvSlots: Int, slots: Int, headRows: Int, microBatches: Int = 1) {
      self.kvSlots = kvSlots
      self.slots = slots
      self.headRows = headRows
      self.microBatches = microBatches
    }

    public init(_ plan: BatchPlan) {
      self.init(
        kvSlots: plan.isScore ? 0 : plan.kvSlotsReserved, slots: plan.largestMicroBatch,
        headRows: 0)
      for step in plan.steps {
        microBatches = max(microBatches, step.microBatches.count)
        for micro in step.microBatches { headRows = max(headRows, micro.samples) }
      }
      if plan.isScore { headRows = min(slots, 256) }
    }

    /// The larger of two in each respect.
    public func union(_ other: Demand) -> Demand {
      Demand(
        kvSlots: max(kvSlots, other.kvSlots), slots: max(slots, other.slots),
        headRows: max(headRows, other.headRows),
        microBatches: max(microBatches, other.microBatches))
    }
  }

  public let deployment: String
  /// Bytes of a device.
  public let capacity: Double
  public let stages: [Terms]

  public init(_ deployment: Deployment, _ demand: Demand) {
    self.deployment = "\(deployment.model.name) under \(deployment.layout)"
    capacity = Double(deployment.hardware.memory.count)
    stages = deployment.shards.indices.map { Self.terms(deployment, demand, stage: $0) }
  }

  private static func terms(
    _ deployment: Deployment, _ demand: Demand, stage: Int
  ) -> Terms {
    let (model, settings) = (deployment.model, deployment.settings)
    let shard = deployment.shards[stage]
    let number = Double(deployment.activationBytes)
    let (slots, hidden) = (Double(demand.slots), Double(model.hiddenSize))
    let block = Double(min(demand.slots, settings.activationBlock))
    let inner = Double(
      2 * shard.queryWidth + 2 * shard.kvWidth
        + (model.isEncoder ? 1 : 3) * shard.feedForward.count)
    var terms = Terms()
    terms.weights = deployment.weightBytes(stage: stage)
    terms.cache = Double(demand.kvSlots) * deployment.cacheBytesPerToken(stage: stage)
    terms.activations = number * (2 * slots * hidden + block * inner)
    if shard.hasLMHead {
      let whole = deployment.layout.tensor > 1 ? model.vocabularySize : 0
      terms.logits = 4 * Double(demand.headRows * (shard.vocabulary.count + whole))
    }
    if deployment.layout.pipeline > 1 {
      let passed = settings.dialect == .vllmV0 ? 2 : 1
      terms.buffers = number * Double((demand.microBatches + 1) * passed) * slots * hidden
    }
    terms.reserve = settings.reserve * Double(deployment.hardware.memory.count)
    return terms
  }

  /// The stage that needs most.
  public var fullest: Int {
    stages.indices.max { stages[$0].total < stages[$1].total } ?? 0
  }

  public var fits: Bool { stages.allSatisfy { $0.total <= capacity } }

  /// Bytes for keys and values on a device of a stage, beside weights and reserve alone.
  public func room(stage: Int) -> Double {
    capacity - stages[stage].weights - stages[stage].reserve
  }

  /// - Throws: `SimulationError` with every term of the fullest stage where it does not fit.
  public func check(hint: String = "") throws(SimulationError) {
    guard !fits else { return }
    throw SimulationError(
      .memory,
      "\(deployment) does not fit: \(text(stage: fullest))" + (hint.isEmpty ? "" : "; \(hint)"))
  }

  /// What a stage needs, every term named.
  func text(stage: Int) -> String {
    let terms = stages[stage]
    let parts = terms.named.filter { $0.bytes > 0 }
      .map { "\($0.name) \(Self.text($0.bytes))" }.joined(separator: ", ")
    return "stage \(stage) needs \(Self.text(terms.total)) per device (\(parts)), a device has "
      + "\(Self.text(capacity))"
  }

  /// Bytes for people, in decimal GB as data sheets and papers count.
  public static func text(_ bytes: Double) -> String { "\((bytes / 1e9).fixed(2)) GB" }
}
