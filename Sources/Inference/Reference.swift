import Kernels
import MPI
import Models
import Scheduling
import Transformers

/// Expected answers for some prompts: greedy tokens, and the logits that each was chosen from.
public struct ReferenceAnswers {
  /// Per sequence.
  public var tokens: [[Int32]]
  /// Per sequence and token, one value per vocabulary entry (or its first columns). Of an encoder:
  /// one row per sequence, `EncoderComparison.joined`.
  public var logits: [[[Float]]]
  /// Bound on the absolute difference of a logit.
  public var tolerance: Double

  public init(tokens: [[Int32]], logits: [[[Float]]], tolerance: Double) {
    self.tokens = tokens
    self.logits = logits
    self.tolerance = tolerance
  }

  /// Runs the prompts one by one on the whole model: one rank, no padding, no batch. Called by one
  /// rank alone.
  static func compute(
    model: ModelConfiguration, source: any WeightSource, backend: any Backend,
    prompts: [[Int32]], outputTokens: Int
  ) throws -> ReferenceAnswers {
    let ledger = TrafficLedger(isRecording: false)
    let own = try Communicator.ownSelf(label: Traffic.control, ledger: ledger)
    let context = try RankContext(layout: .single, world: own)
    let longest = (prompts.map(\.count).max() ?? 1) + outputTokens
    let shard = try makeShard(
      plan: ShardPlan(model: model, layout: .single, rank: 0), source: source, backend: backend,
      group: context.tensor, positions: longest)
    let executor = BatchExecutor(context: context, shard: shard)
    var tokens: [[Int32]] = []
    var logits: [[[Float]]] = []
    for prompt in prompts {
      let plan = try BatchRunner.plans(
        policy: .packed, promptLengths: [prompt.count], outputLengths: [outputTokens],
        microBatches: 1, layout: .single)[0]
      let batch = PreparedBatch(
        plan: plan, prompts: [prompt], scored: executor.scoresAll ? [0] : [],
        reads: executor.reads)
      try executor.prepare(for: [batch])
      let capture = LogitCapture(sequences: 1)
      tokens += try executor.run(batch, capture: capture).tokens
      logits += executor.scoresAll ? EncoderComparison.joined(capture.rows) : capture.rows
    }
    return ReferenceAnswers(
      tokens: tokens, logits: logits, tolerance: bound(model: model, logits: logits))
  }

  /// Rounding that a different order of summation may cause in fp32: each layer adds two products
  /// whose rounding errors walk at random, so their size grows with the square root of the terms,
  /// and layers add up at worst linearly: ε · 2·layers · √(hidden + feed-forward) of the largest
  /// logit (Higham, Accuracy and Stability of Numerical Algorithms, section 2.8, the rule of
  /// thumb).
  static func bound(model: ModelConfiguration, logits: [[[Float]]]) -> Double {
    let largest = logits.lazy.flatMap { $0 }.flatMap { $0 }.map(abs).max() ?? 1
    let terms = Double(model.hiddenSize + model.feedForwardSize).squareRoot()
    return Double(Float.ulpOfOne) * 2 * Double(model.layerCount) * terms * Double(max(largest, 1))
  }
}
