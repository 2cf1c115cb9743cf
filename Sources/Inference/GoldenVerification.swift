import Checkpoints
import Kernels
import MPI
import Models
import Records
import Scheduling
import Transformers

/// Runs a checkpoint's golden prompts under a layout and policy and compares with the expected
/// tokens and logits.
public struct GoldenVerification {
  /// What came out; the coordinator's.
  public struct Report: Sendable {
    public var name: String
    public var prompts: Int
    public var tokensCompared: Int
    /// Tokens too near to a tie to be compared, and how many of them agree up to the first that does
    /// not: in bfloat16.
    public var undecided = 0
    public var agreeing = 0
    /// Largest absolute difference of a logit at the ends of prompts, and over all positions of
    /// the prompt whose logits are all known.
    public var maxError: Double
    public var maxFullError: Double?
    public var tolerance: Double
    public var failure: String?
    public var passed: Bool { failure == nil }
  }

  let context: RankContext
  let directory: String
  let expectation: GoldenExpectation

  /// - Parameter expected: a prompt list with expected tokens; the folder's own files when nil.
  /// - Throws: what reading the files throws.
  public init(context: RankContext, directory: String, expected: String?) throws {
    self.context = context
    self.directory = directory
    expectation =
      if let expected {
        try GoldenExpectation(promptList: expected, tolerance: Self.listTolerance)
      } else {
        try GoldenExpectation(directory: directory)
      }
  }

  /// Bound for prompt lists, which carry none: fp32 logits of order 10 through some 30 layers.
  static let listTolerance = 2e-3

  /// Collective. Nil off the coordinator.
  public func run(
    policy: Policy, microBatches: Int, backend: any Backend
  ) throws -> Report? {
    let (shard, model) = try load(policy: policy, backend: backend)
    let scored = context.layout.data == 1 ? expectation.fullLogitsIndex : nil
    let verification = Verification(
      runner: BatchRunner(
        context: context, executor: BatchExecutor(context: context, shard: shard)),
      microBatches: microBatches)
    let rows = expectation.lastLogits
    let tolerance = tolerance(backend, model)
    var reference = ReferenceAnswers(
      tokens: expectation.greedy, logits: (0..<rows.rows).map { [Array(rows.row($0))] },
      tolerance: tolerance)
    if isReduced(backend) {
      // Tokens say something where no step of the prompt is as near to a tie as rounding may move.
      reference.undecided = Set(
        expectation.prompts.indices.filter { expectation.greedyMinMargin[$0] <= 2 * tolerance })
    }
    let outcome = try verification.compare(
      policy: policy, prompts: expectation.prompts,
      outputLengths: expectation.greedy.map(\.count), scored: scored.map { [$0] } ?? [],
      reference: context.isCoordinator ? reference : nil)
    guard let outcome else { return nil }
    var report = Report(
      name: model.name, prompts: expectation.prompts.count,
      tokensCompared: outcome.comparison.tokensCompared, maxError: outcome.comparison.maxError,
      maxFullError: nil, tolerance: tolerance, failure: outcome.comparison.failure)
    report.undecided = outcome.comparison.undecided
    report.agreeing = outcome.comparison.agreeing
    if outcome.comparison.ties > 0 && report.failure == nil {
      report.failure = "\(outcome.comparison.ties) tokens differ where two logits tie"
    }
    if let scored, let full = expectation.fullLogits {
      let error = Self.largestError(outcome.logits[scored], full)
      report.maxFullError = error
      if error > tolerance && report.failure == nil {
        report.failure =
          "sequence \(scored): a logit of some prompt position differs by \(error)"
      }
    }
    return report
  }

  func isReduced(_ backend: any Backend) -> Bool {
    backend.isReduced || context.messages == .bfloat16
  }

  /// What the file allows the arithmetic, or, where it does not say it for bfloat16, the bound for
  /// answers of our own.
  func tolerance(_ backend: any Backend, _ model: ModelConfiguration) -> Double {
    guard isReduced(backend) else { return expectation.tolerance }
    return expectation.bfloat16Tolerance
      ?? ReferenceAnswers.bound(
        model: model, logits: [[expectation.lastLogits.values]], isReduced: true)
  }

  /// This rank's shard of the checkpoint. Collective.
  func load(
    policy: Policy, backend: any Backend
  ) throws -> (TransformerShard, ModelConfiguration) {
    try context.together("checkpoint") {
      let checkpoint = try Checkpoint(directory: directory)
      let model = try ModelConfiguration(
        configJSON: checkpoint.configuration(), path: checkpoint.configurationPath)
      guard !model.isEncoder else {
        throw InferenceError(
          .badInput,
          "\(model.name) is an encoder, which neither generates nor scores tokens; it is compared "
            + "with a golden folder of format \(EncoderExpectation.format)")
      }
      try context.layout.validate(for: model)
      try checkVocabulary(model)
      let longest =
        policy.widestRow(longest: expectation.lengths.max() ?? 1)
        + (expectation.greedy.map(\.count).max() ?? 1)
      return (
        try TransformerShard(
          plan: ShardPlan(model: model, layout: context.layout, rank: context.rank),
          source: CheckpointWeights(checkpoint), backend: backend,
          group: context.tensor, positions: longest), model
      )
    }
  }

  private func checkVocabulary(_ model: ModelConfiguration) throws {
    for token in expectation.prompts.lazy.flatMap({ $0 })
    where !(0..<model.vocabularySize).contains(Int(token)) {
      throw InferenceError(
        .badInput,
        "\(expectation.file): token \(token) is outside the vocabulary of \(model.vocabularySize)")
    }
  }

  private static func largestError(
    _ rows: [[Float]], _ expected: GoldenExpectation.Logits
  ) -> Double {
    guard rows.count >= expected.rows else { return .infinity }
    var worst = 0.0
    for index in 0..<expected.rows {
      for (found, wanted) in zip(rows[index], expected.row(index)) {
        let error = Double(abs(found - wanted))
        worst = error.isNaN ? .infinity : max(worst, error)
      }
    }
    return worst
  }
}
