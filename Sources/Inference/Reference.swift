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
  /// - Parameter outputTokens: tokens to generate, per prompt.
  package static func compute(
    model: ModelConfiguration, source: any WeightSource, backend: any Backend,
    prompts: [[Int32]], outputTokens: [Int]
  ) throws -> ReferenceAnswers {
    let ledger = TrafficLedger(isRecording: false)
    let own = try Communicator.ownSelf(label: Traffic.control, ledger: ledger)
    let context = try RankContext(layout: .single, world: own)
    let longest = (prompts.map(\.count).max() ?? 1) + (outputTokens.max() ?? 1)
    let shard = try makeShard(
      plan: ShardPlan(model: model, layout: .single, rank: 0), source: source, backend: backend,
      group: context.tensor, positions: longest)
    let executor = BatchExecutor(context: context, shard: shard)
    var tokens: [[Int32]] = []
    var logits: [[[Float]]] = []
    for (prompt, outputs) in zip(prompts, outputTokens) {
      let plan = try BatchRunner.plans(
        policy: .packed, promptLengths: [prompt.count], outputLengths: [outputs],
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
      tokens: tokens, logits: logits,
      tolerance: bound(model: model, logits: logits, elementBytes: backend.elementBytes))
  }

  /// Rounding that a different order of summation may cause in fp32: 64 · √(2·layers) · ε of the
  /// largest logit. Each layer adds two products to the residual, whose errors walk at random
  /// (Higham, Accuracy and Stability of Numerical Algorithms, section 2.8, the rule of thumb);
  /// blocked sums hardly grow with their length, but norms and softmax amplify, most in narrow
  /// models. The factor is empirical: chosen after one
  /// random narrow model went beyond a smaller bound, so that it passes, while a tensor wrong by 1 %
  /// on one rank still fails. The sweep behind it: `engine-checks random` and `sensitivity`.
  ///
  /// With bf16 every stored activation is rounded to 8 bits: 2 · √(2·layers) · 2⁻⁷ of the largest
  /// logit. A layer stores about ten rounded values per element, each off by 2⁻⁹ at most; the largest
  /// error of many logits is several times the typical one, as the largest logit is.
  static func bound(
    model: ModelConfiguration, logits: [[[Float]]], elementBytes: Int = 4
  ) -> Double {
    let largest = logits.lazy.flatMap { $0 }.flatMap { $0 }.map(abs).max() ?? 1
    let steps = Double(2 * model.layerCount).squareRoot()
    let rounding = elementBytes == 2 ? 2 * 0x1p-7 : 64 * Double(Float.ulpOfOne)
    return rounding * steps * Double(max(largest, 1))
  }
}
