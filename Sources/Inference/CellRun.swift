import Checkpoints
import FoundationEssentials
import GPUKernels
import Kernels
import Locality
import MPI
import Models
import Records
import Scheduling
import Tensors
import Transformers
import Workloads

/// One launch of a job under one layout: verify, then measure all batches and policies interleaved.
public final class CellRun {
  let context: RankContext
  let resolved: ResolvedJob
  let cell: CellDirectory
  let resources: CellResources
  let progress: ProgressReporter
  let nodeFile: NodeRecords
  private let batchFile: JSONLinesWriter?
  var oversubscribed = false
  /// Two ranks compute on one card; the coordinator knows.
  private var sharesGPU = false

  public init(
    context: RankContext, resolved: ResolvedJob, resources: CellResources, cell: CellDirectory,
    progress: ProgressReporter
  ) throws {
    self.context = context
    self.resolved = resolved
    self.resources = resources
    self.cell = cell
    self.progress = progress
    nodeFile = try NodeRecords(context: context, cell: cell)
    batchFile = try context.together("output") {
      context.isCoordinator ? try JSONLinesWriter(path: cell.batches) : nil
    }
  }

  /// Verifies and measures. Collective.
  /// - Throws: `InferenceError` of kind `failed` after the measurements when a policy's answers
  ///   were wrong (that policy has no timing), or a rank's traffic was not the model's.
  public func run(arguments: [String]) throws {
    context.activity.begin("survey")
    let survey = RankSurvey(context: context, backend: resources.backend, resolved: resolved)
    let place = try survey.place()
    oversubscribed = place.isOversubscribed
    // Before the survey, which measures how fast the ranks are.
    let tokens = try context.takeTurns(
      resolved.job.clock.virtualTime?.token ?? .off,
      // Whoever computes on a GPU has the host's GPUs to itself.
      cores: resources.backend.deviceNanoseconds == nil ? place.usableCores : 1)
    let provenance = try survey.gather(
      place, tokens: tokens, arguments: arguments, cell: cell.name)
    try context.together("output") {
      guard let provenance else { return }
      sharesGPU = provenance.ranks.contains { $0.gpu?.isShared == true }
      try AtomicFile.write(JSONText.pretty(provenance), to: cell.provenance)
      for warning in provenance.warnings { progress.warn(warning) }
    }
    defer { warnAboutToken() }
    if let serving = resolved.job.serving {
      try serve(serving)
    } else {
      try runBatches()
    }
  }

  private func warnAboutToken() {
    guard let token = context.token, token.failures > 0 else { return }
    StandardStream.error.line(
      "padtax: warning: rank \(context.rank) computed \(token.failures) times without a token, "
        + "which the kernel could not lock")
  }

  private func runBatches() throws {
    let failures = try verify()
    let policies = resolved.job.policies.filter { failures[$0] == nil }
    let traffic = policies.isEmpty ? nil : try measure(policies: policies)
    guard failures.isEmpty, traffic == nil else {
      let texts = failures.map { "\(context.layout) \($0.key): answers are wrong: \($0.value)" }
      throw InferenceError(
        .failed, (texts.sorted() + [traffic].compactMap(\.self)).joined(separator: "\n"))
    }
  }

  func loadShard(_ model: ModelConfiguration) throws -> any ModelShard {
    context.activity.begin("load")
    progress.report(stage: "load")
    return try context.together("weights") {
      try makeShard(
        plan: ShardPlan(model: model, layout: context.layout, rank: context.rank),
        source: resources.weights(model), backend: resources.backend, group: context.tensor,
        positions: resolved.positions)
    }
  }

  /// Failures by policy; the same on every rank.
  private func verify() throws -> [Policy: String] {
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
      microBatches: resolved.job.microBatches)
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
        VerificationRecord(
          cell: cell.name, layout: "\(context.layout)", policy: "\(policy)",
          sequences: prompts.count, tokensPerSequence: outputs.max() ?? 1, layers: model.layerCount,
          maxLogitError: comparison.maxError, tolerance: reference.tolerance,
          tokensCompared: comparison.tokensCompared, ties: comparison.ties,
          passed: comparison.passed, failure: comparison.failure))
    }
    return records
  }

  var shard: (any ModelShard)?

  /// Runs every batch under every policy, policies side by side: A B A B. Returns what was wrong
  /// with the traffic, the same on every rank.
  private func measure(policies: [Policy]) throws -> String? {
    let shard = try shard ?? loadShard(resolved.model)
    (shard as? EncoderShard)?.output = .best(of: resolved.model)
    let runner = BatchRunner(
      context: context, executor: BatchExecutor(context: context, shard: shard))
    context.activity.begin("plans")
    var prepared: [[PreparedBatch]] = []
    var plans: [[[BatchPlan]]] = []
    for batch in resolved.batches {
      let prompts = try resolved.tokens(of: batch)
      plans.append(
        try policies.map {
          try BatchRunner.plans(
            policy: $0, promptLengths: batch.lengths,
            outputLengths: resolved.outputLengths(of: batch),
            microBatches: resolved.job.microBatches, padding: resolved.job.microBatchPadding,
            layout: context.layout, mode: resolved.job.mode)
        })
      prepared.append(
        try plans[plans.count - 1].map { try runner.distribute(plans: $0, prompts: prompts) })
    }
    try context.together("memory") {
      try runner.executor.prepare(for: prepared.flatMap { $0 })
    }
    let check = TrafficCheck(
      context: context, traffic: try context.traffic(resources.predicted(resolved.model)))
    let warmup = resolved.job.warmup
    var repeats = warmup + resolved.job.repeats
    var precision = resolved.job.precision.map {
      Precision($0, policies: policies, seed: resolved.job.seed)
    }
    progress.begin(total: repeats * resolved.batches.count * policies.count)
    context.activity.isMeasuring = true
    defer { context.activity.isMeasuring = false }
    let traced = resolved.batches.indices.first { !resolved.warmupBatches.contains($0) }
    var order = 0
    var turn = 0
    while turn < repeats {
      for (index, batch) in resolved.batches.enumerated() {
        let isWarmup = turn < warmup || resolved.warmupBatches.contains(index)
        for (choice, policy) in policies.enumerated() {
          context.activity.begin(
            "measure", policy: "\(policy)", batch: batch.id, turn: turn - warmup)
          let result = try runner.run(prepared[index][choice])
          context.activity.enter("records")
          check.compare(prepared[index][choice], id: batch.id, policy: "\(policy)")
          try write(
            result, batch: batch, policy: policy, plans: plans[index][choice],
            prepared: prepared[index][choice], runner: runner,
            turn: (turn < warmup ? turn : turn - warmup, isWarmup, order))
          if resolved.job.trace == true, turn == warmup, index == traced {
            let trace = OperationTrace(
              context: context, cell: cell.name, policy: "\(policy)", batch: batch.id)
            try nodeFile.append(try trace.records(start: result.start))
          }
          if !isWarmup {
            precision?.add(result, policy: choice, repeat: turn - warmup)
          }
          order += 1
          progress.step(policy: policy, batch: batch.id)
        }
      }
      turn += 1
      if turn == repeats, try goesOn(precision) {
        repeats += 1
        progress.extend(by: resolved.batches.count * policies.count)
      }
    }
    context.activity.rest()
    context.activity.begin("traffic check")
    let difference = try write(check)
    context.activity.begin("end")
    // Before the marker says that the cell is whole.
    try context.together("output") {
      try batchFile?.synchronize()
      try nodeFile.synchronize()
    }
    try writeStages(executions: order)
    return difference
  }

  func writeStages(executions: Int) throws {
    try context.together("output") {
      guard context.isCoordinator else { return }
      let times = StageTimes(
        cell: cell.name, ranks: context.layout.worldSize, executions: executions,
        seconds: context.activity.stages)
      try AtomicFile.write(JSONText.pretty(times), to: cell.stages)
    }
  }

  /// Writes the comparison of the traffic with its model; the first failure of each policy in words.
  func write(_ check: TrafficCheck) throws -> String? {
    let records = try check.records(cell: cell.name)
    try context.together("output") {
      guard context.isCoordinator else { return }
      let file = try JSONLinesWriter(path: cell.trafficCheck)
      for record in records { try file.append(record) }
    }
    let failures = records.compactMap { record in
      record.difference.map {
        "\(context.layout) \(record.policy), batch \(record.batch): traffic is not the model's: \($0)"
      }
    }
    let text = try context.control.broadcastArray(
      Array(failures.joined(separator: "\n").utf8), root: 0)
    return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
  }

  /// Whether another repeat is needed. The coordinator decides, so that no rank goes on alone.
  private func goesOn(_ precision: Precision?) throws -> Bool {
    guard let precision else { return false }
    let isReached = try context.together("statistics") {
      try context.isCoordinator ? precision.isReached() : true
    }
    let answer = try context.control.broadcastArray([Int32(isReached ? 0 : 1)], root: 0)
    return answer[0] == 1
  }

  private func write(
    _ result: BatchRunner.Result, batch: Batch, policy: Policy, plans: [BatchPlan],
    prepared: PreparedBatch, runner: BatchRunner, turn: (index: Int, warmup: Bool, order: Int)
  ) throws {
    let writer = RecordMaker(
      cell: cell.name, context: context,
      traffic: try context.traffic(
        resolved.model, cache: resolved.job.numbers.cache.storage),
      batch: batch, policy: policy,
      turn: turn, oversubscribed: oversubscribed, sharesGPU: sharesGPU)
    try nodeFile.append(
      try writer.rankRecords(result, plan: prepared.plan, executor: runner.executor))
    try batchFile?.append(
      writer.batchRecord(result, plans: plans, microBatches: resolved.job.microBatches))
  }
}

/// The backend that a job names.
///
/// - Parameter device: number of a GPU; the launcher's local rank chooses when nil.
public func makeBackend(
  _ choice: BackendChoice, _ numbers: NumberFormats = .single, device: Int? = nil
) throws -> any Backend {
  switch choice.kind {
  case .reference:
    return ReferenceBackend(weights: numbers.weights.storage, cache: numbers.cache.storage)
  case .cuda:
    return try GPUBackend(
      device: device, weights: numbers.weights.storage, cache: numbers.cache.storage)
  case .cpu:
    return try CPUBackend(
      blas: choice.blas == "openblas" ? .openBLAS : .path(choice.blas), threads: choice.threads,
      weights: numbers.weights.storage, cache: numbers.cache.storage)
  }
}

extension EngineFormat {
  /// The same of memory.
  package var storage: StorageFormat { self == .fp32 ? .float32 : .bfloat16 }
}
