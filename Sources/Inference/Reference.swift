import Kernels
import MPI
import Models
import Scheduling
import Tensors
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
  /// Sequences of which no token is compared, and no logit but the first token's: some step of theirs
  /// is so near to a tie that coarse arithmetic may decide it either way.
  public var undecided: Set<Int> = []

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
    messages: StorageFormat = .float32, prompts: [[Int32]], outputTokens: [Int]
  ) throws -> ReferenceAnswers {
    let ledger = TrafficLedger(isRecording: false)
    let own = try Communicator.ownSelf(label: Traffic.control, ledger: ledger)
    let context = try RankContext(layout: .single, world: own)
    let longest = (prompts.map(\.count).max() ?? 1) + (outputTokens.max() ?? 1)
    let shard = try makeShard(
      plan: ShardPlan(model: model, layout: .single, rank: 0), source: source, backend: backend,
      group: context.tensor, positions: longest)
    let executor = BatchExecutor(context: context, shard: shard)
    executor.keepsGraphs = false
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
      tolerance: bound(
        model: model, logits: logits,
        isReduced: messages == .bfloat16 || backend.isReduced))
  }

  /// Rounding that a different order of summation may cause in fp32: 64 · √(2·layers) · ε of the
  /// largest logit. Each layer adds two products to the residual, whose errors walk at random
  /// (Higham, Accuracy and Stability of Numerical Algorithms, section 2.8, the rule of thumb);
  /// blocked sums hardly grow with their length, but norms and softmax amplify, most in narrow
  /// models. The factor is empirical: chosen after one
  /// random narrow model went beyond a smaller bound, so that it passes, while a tensor wrong by 1 %
  /// on one rank still fails. The sweep behind it: `engine-checks random` and `sensitivity`.
  ///
  /// Where weights, cache or messages are bfloat16, the smallest difference can turn a rounding over,
  /// by 2⁻⁸ of a value, and each that turns over moves all that follow: the same walk with steps of
  /// 2⁻⁸, and a factor of its own from the same sweep.
  /// - Parameter isReduced: something is bfloat16.
  static func bound(
    model: ModelConfiguration, logits: [[[Float]]], isReduced: Bool = false
  ) -> Double {
    let largest = logits.lazy.flatMap { $0 }.flatMap { $0 }.map(abs).max() ?? 1
    let steps = Double(2 * model.layerCount).squareRoot()
    let step = isReduced ? 8 * 0x1p-8 : 64 * Double(Float.ulpOfOne)
    return step * steps * Double(max(largest, 1))
  }
}

extension Backend {
  /// Something that it keeps is coarser than float32.
  var isReduced: Bool {
    [weightFormat, activationFormat, cacheFormat].contains { $0 != .float32 }
  }
}
