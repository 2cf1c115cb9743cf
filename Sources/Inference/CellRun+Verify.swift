import Models
import Records
import Scheduling
import Workloads

extension CellRun {
  /// Failures by policy; the same on every rank.
  func verify() throws -> [Policy: String] {
    let check = resolved.job.verification
    let requests = Verification.sample(
      resolved.batches[0], count: max(check.sequences, context.layout.data))
    let sample = try Batch(id: 0, requests: requests)
    let outputs = resolved.outputLengths(of: sample).map { min($0, check.outputTokens) }
    let prompts = try resolved.tokens(of: sample)
    let model = try MemoryCheck.verificationModel(
      resolved.model, context: context, backend: resources.backend)
    context.activity.begin("verify")
    progress.report(stage: "verify")
    let records =
      resolved.job.mode == .score
      ? try verifyScores(model, prompts: prompts)
      : try verifyTokens(model, prompts: prompts, outputLengths: outputs)
    return Dictionary(
      uniqueKeysWithValues: zip(resolved.job.policies, try agree(on: records)).filter { $0.1 != "" }
    )
  }

  /// Writes what verification found and gives every rank the failures, empty where there is none.
  func agree(on records: [VerificationRecord]) throws -> [String] {
    if context.isCoordinator {
      let file = try JSONLinesWriter(path: cell.verification)
      for record in records { try file.append(record) }
    }
    let text = try JSONText.line(records.map { $0.failure ?? "" })
    let shared = try context.control.broadcastArray(Array(text.utf8), root: 0)
    return try JSONText.decode(
      [String].self, from: String(decoding: shared, as: UTF8.self), source: "verification")
  }

  /// One record per policy on the coordinator, none elsewhere. Collective.
  private func verifyTokens(
    _ model: ModelConfiguration, prompts: [[Int32]], outputLengths outputs: [Int]
  ) throws -> [VerificationRecord] {
    // A policy that cuts prompts is held against the answers to the cut prompts.
    func kept(_ policy: Policy) -> [Int] { prompts.map { policy.kept(of: $0.count) } }
    context.activity.begin("reference")
    let references = try context.together("reference") {
      guard context.isCoordinator else { return [[Int]: ReferenceAnswers]() }
      return try Dictionary(
        uniqueKeysWithValues: Set(resolved.job.policies.map(kept)).map { lengths in
          (
            lengths,
            try ReferenceAnswers.compute(
              model: model, source: resources.weights(model), backend: resources.backend,
              messages: context.messages,
              prompts: zip(prompts, lengths).map { Array($0.prefix($1)) }, outputTokens: outputs)
          )
        })
    }
    let executor = BatchExecutor(context: context, shard: try loadShard(model))
    let verification = Verification(
      runner: BatchRunner(context: context, executor: executor),
      microBatches: resolved.job.microBatches, graphs: resolved.job.backend.graphs)
    if model == resolved.model { shard = executor.shard }
    var records: [VerificationRecord] = []
    for policy in resolved.job.policies {
      context.activity.begin("verify", policy: "\(policy)")
      progress.report(stage: "verify", policy: policy)
      let reference = references[kept(policy)]
      let comparison = try verification.compare(
        policy: policy, prompts: prompts, outputLengths: outputs, reference: reference
      )?.comparison
      guard let comparison, let reference else { continue }
      records.append(
        record(
          "\(policy)", sequences: prompts.count, tokensPerSequence: outputs.max() ?? 1,
          of: model, tolerance: reference.tolerance, comparison))
    }
    return records
  }

  /// What a comparison of generated tokens said of one policy or system.
  func record(
    _ policy: String, sequences: Int, tokensPerSequence: Int, of model: ModelConfiguration,
    tolerance: Double, _ comparison: Comparison
  ) -> VerificationRecord {
    VerificationRecord(
      cell: cell.name, layout: "\(context.layout)", policy: policy, sequences: sequences,
      tokensPerSequence: tokensPerSequence, layers: model.layerCount,
      maxLogitError: comparison.maxError, tolerance: tolerance,
      tokensCompared: comparison.tokensCompared, ties: comparison.ties, passed: comparison.passed,
      failure: comparison.failure)
  }
}
