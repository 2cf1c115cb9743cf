import Models
import Records
import Scheduling

extension Verification {
  /// Scores the prompts under a policy and compares. Collective; `reference` is the coordinator's,
  /// and so is what comes back.
  func score(
    policy: Policy, prompts: [[Int32]], reference: ScoreReference?
  ) throws -> ScoreComparison? {
    let (result, fed) = try score(policy: policy, prompts: prompts)
    guard let reference else { return nil }
    return ScoreComparison(losses: result.losses, fed: fed, reference: reference)
  }

  /// Scores the prompts under a policy. Collective; the result's losses, and how many tokens of each
  /// prompt were fed, are the coordinator's.
  func score(
    policy: Policy, prompts: [[Int32]]
  ) throws -> (result: BatchRunner.Result, fed: [Int]) {
    let context = runner.context
    let plans = try context.together("plan") {
      guard context.isCoordinator else { return [BatchPlan]() }
      return try BatchRunner.plans(
        policy: policy, promptLengths: prompts.map(\.count),
        outputLengths: prompts.map { _ in 0 }, microBatches: microBatches,
        layout: context.layout, mode: .score)
    }
    let batch = try runner.distribute(plans: plans, prompts: prompts)
    try runner.executor.prepare(for: [batch])
    return (try runner.run(batch), plans.flatMap(\.promptLengths))
  }
}

extension CellRun {
  /// One record per policy on the coordinator, none elsewhere. Collective.
  func verifyScores(
    _ model: ModelConfiguration, prompts: [[Int32]]
  ) throws -> [VerificationRecord] {
    let reference = try context.together("reference") {
      guard context.isCoordinator else { return ScoreReference?.none }
      return try ScoreReference.compute(
        model: model, source: resources.weights(model), backend: resources.backend,
        messages: context.messages, prompts: prompts)
    }
    let verification = Verification(
      runner: BatchRunner(
        context: context,
        executor: BatchExecutor(context: context, shard: try loadShard(model))),
      microBatches: resolved.job.microBatches)
    if model == resolved.model { shard = verification.runner.executor.shard }
    var records: [VerificationRecord] = []
    for policy in resolved.job.policies {
      context.activity.begin("verify", policy: "\(policy)")
      progress.report(stage: "verify", policy: policy)
      let comparison = try verification.score(
        policy: policy, prompts: prompts, reference: reference)
      guard let comparison, let reference else { continue }
      records.append(
        VerificationRecord(
          cell: cell.name, layout: "\(context.layout)", policy: "\(policy)",
          sequences: prompts.count, tokensPerSequence: 0, layers: model.layerCount,
          maxLogitError: comparison.maxError, tolerance: reference.tolerance,
          tokensCompared: comparison.tokensCompared, ties: 0, passed: comparison.passed,
          failure: comparison.failure, mode: .score))
    }
    return records
  }
}
