import Checkpoints
import Glibc
import Kernels
import Models
import Records
import Scheduling
import Transformers

extension GoldenVerification {
  /// What scoring the golden prompts gave; the coordinator's.
  public struct ScoreReport: Sendable {
    public var name: String
    /// Prompts whose mean was compared, and those that the policy cut, whose mean is another.
    public var prompts: Int
    public var cut: Int
    /// Tokens that have a loss.
    public var tokens: Int
    /// Largest absolute difference, in nats, of a prompt's mean, and of a token of the prompt whose
    /// logits are all known.
    public var maxError: Double
    public var maxTokenError: Double?
    public var tolerance: Double
    public var failure: String?
    public var passed: Bool { failure == nil }
  }

  /// Digits that the golden files keep of a mean: half a unit of the sixth.
  static let storedRounding = 5e-7

  /// Scores the prompts and compares `mean_nll_per_prompt`, and each token of the prompt that has
  /// full logits. The bound is twice that of a logit (`ScoreReference.tolerance`) and the rounding
  /// of the stored means. Collective; nil off the coordinator.
  public func runScore(
    policy: Policy, microBatches: Int, backend: any Backend
  ) throws -> ScoreReport? {
    let known = try context.together("expected answers") {
      guard expectation.meanNLL.contains(where: { $0 != nil }) else {
        throw InferenceError(
          .badInput,
          "\(expectation.file) has no mean_nll_per_prompt to compare with; use the golden folder's "
            + "own expectations")
      }
      return fullLosses()
    }
    let (shard, model) = try load(policy: policy, backend: backend)
    let verification = Verification(
      runner: BatchRunner(
        context: context, executor: BatchExecutor(context: context, shard: shard)),
      microBatches: microBatches)
    let (result, fed) = try verification.score(policy: policy, prompts: expectation.prompts)
    guard context.isCoordinator else { return nil }
    var report = ScoreReport(
      name: model.name, prompts: 0, cut: 0, tokens: 0, maxError: 0, maxTokenError: nil,
      tolerance: ScoreReference.tolerance(logits: tolerance(backend, model))
        + Self.storedRounding)
    for (sequence, losses) in result.losses.enumerated() {
      compare(losses, fed: fed[sequence], sequence: sequence, known: known, into: &report)
    }
    if report.prompts == 0, report.maxTokenError == nil, report.failure == nil {
      report.failure = "\(policy) cuts every prompt that has an expected answer"
    }
    return report
  }

  private func compare(
    _ losses: [Double], fed: Int, sequence: Int, known: [Double]?, into report: inout ScoreReport
  ) {
    func fail(_ text: String) {
      if report.failure == nil { report.failure = "sequence \(sequence): \(text)" }
    }
    report.tokens += losses.count
    guard losses.count == max(0, fed - 1) else {
      return fail("\(losses.count) tokens scored, \(fed) were fed")
    }
    if sequence == expectation.fullLogitsIndex, let known {
      var worst = report.maxTokenError ?? 0
      for (found, wanted) in zip(losses, known) {
        let error = abs(found - wanted)
        worst = error.isNaN ? .infinity : max(worst, error)
      }
      report.maxTokenError = worst
      if worst > report.tolerance { fail("a token's negative log-likelihood differs by \(worst)") }
    }
    guard let wanted = expectation.meanNLL[sequence] else { return }
    guard fed == expectation.prompts[sequence].count else {
      report.cut += 1
      return
    }
    let found = losses.reduce(0, +) / Double(losses.count)
    let error = abs(found - wanted)
    report.prompts += 1
    report.maxError = error.isNaN ? .infinity : max(report.maxError, error)
    if !(error <= report.tolerance) {
      fail("mean negative log-likelihood \(found), expected \(wanted)")
    }
  }

  /// Negative log-likelihood of each token, after the first, of the prompt with full logits.
  private func fullLosses() -> [Double]? {
    guard let full = expectation.fullLogits, let index = expectation.fullLogitsIndex else {
      return nil
    }
    let prompt = expectation.prompts[index]
    return prompt.indices.dropFirst().map { token in
      let row = full.row(token - 1).map(Double.init)
      let top = row.max() ?? 0
      return log(row.reduce(0) { $0 + exp($1 - top) }) + top - row[Int(prompt[token])]
    }
  }
}
