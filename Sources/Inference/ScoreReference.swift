import Kernels
import MPI
import Models
import Scheduling
import Tensors
import Transformers

/// Expected negative log-likelihoods of some prompts' tokens.
public struct ScoreReference: Sendable, Hashable {
  /// Nats per token after a prompt's first, by sequence.
  public var losses: [[Double]]
  /// Bound on the absolute difference of one of them.
  public var tolerance: Double

  public init(losses: [[Double]], tolerance: Double) {
    self.losses = losses
    self.tolerance = tolerance
  }

  /// Scores the prompts one by one on the whole model: one rank, no padding, no batch. Called by one
  /// rank alone.
  static func compute(
    model: ModelConfiguration, source: any WeightSource, backend: any Backend,
    messages: StorageFormat = .float32, prompts: [[Int32]]
  ) throws -> ScoreReference {
    let ledger = TrafficLedger(isRecording: false)
    let own = try Communicator.ownSelf(label: Traffic.control, ledger: ledger)
    let context = try RankContext(layout: .single, world: own)
    let shard = try TransformerShard(
      plan: ShardPlan(model: model, layout: .single, rank: 0), source: source, backend: backend,
      group: context.tensor, positions: prompts.map(\.count).max() ?? 1)
    let executor = BatchExecutor(context: context, shard: shard)
    var losses: [[Double]] = []
    var largest: Float = 0
    for prompt in prompts {
      let plan = try BatchPlan(scoring: .packed, promptLengths: [prompt.count], microBatches: 1)
      let batch = PreparedBatch(plan: plan, prompts: [prompt])
      try executor.prepare(for: [batch])
      let outcome = try executor.run(batch)
      losses += outcome.losses
      largest = max(largest, outcome.largestLogit)
    }
    return ScoreReference(
      losses: losses,
      tolerance: tolerance(
        logits: ReferenceAnswers.bound(
          model: model, logits: [[[largest]]],
          isReduced: messages == .bfloat16 || backend.isReduced)))
  }

  /// What a difference of logits can do to a loss: −log softmax moves by at most twice the largest
  /// change of a logit, since log-sum-exp and the target's logit move by at most that change each.
  static func tolerance(logits bound: Double) -> Double { 2 * bound }
}

/// Compares losses with reference losses, token by token.
public struct ScoreComparison: Sendable, Hashable {
  public private(set) var maxError = 0.0
  public private(set) var tokensCompared = 0
  /// The first difference, in words.
  public private(set) var failure: String?

  public var passed: Bool { failure == nil }

  /// - Parameters:
  ///   - losses: nats per scored token, by sequence.
  ///   - fed: prompt tokens of each sequence that were fed: a policy may cut the end of a prompt,
  ///     whose first tokens keep their losses.
  public init(losses: [[Double]], fed: [Int], reference: ScoreReference) {
    guard losses.count == reference.losses.count else {
      failure = "\(losses.count) sequences have losses, expected \(reference.losses.count)"
      return
    }
    for (sequence, expected) in reference.losses.enumerated() {
      let count = max(0, fed[sequence] - 1)
      guard losses[sequence].count == count, count <= expected.count else {
        failure =
          failure
          ?? "sequence \(sequence): \(losses[sequence].count) tokens scored, expected \(count)"
        continue
      }
      for (index, (found, wanted)) in zip(losses[sequence], expected).enumerated() {
        tokensCompared += 1
        let error = abs(found - wanted)
        maxError = error.isNaN ? .infinity : max(maxError, error)
        guard !(error <= reference.tolerance), failure == nil else { continue }
        failure =
          "sequence \(sequence), token \(index + 1): negative log-likelihood \(found), expected "
          + "\(wanted), allowed difference \(reference.tolerance)"
      }
    }
  }
}
