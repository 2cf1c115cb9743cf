import MPI
import Models
import Records
import Scheduling
import Serving
import Transformers
import Workloads

/// One launch of a serving job: verify each system, then serve the requests under each load, systems
/// side by side.
extension CellRun {
  /// Collective.
  /// - Throws: `InferenceError` of kind `failed` after the measurements when a system's answers were
  ///   wrong (that system has no timing), or a rank's traffic was not the model's.
  func serve(_ choice: ServingChoice) throws {
    try context.together("serving") {
      guard context.layout.data == 1 else {
        throw InferenceError(
          .badInput,
          "layout \(context.layout) has \(context.layout.data) replicas; a serving job has one "
            + "scheduler, so its layouts have none (such as tp2pp2)")
      }
      guard resources.backend.readsBlockTables else {
        throw InferenceError(
          .badInput,
          "the backend \(resources.backend.provenance.name) has no paged attention over "
            + "keys in \(resources.backend.cacheFormat) to serve with; use cpu or reference")
      }
    }
    let failures = try verify(choice)
    let systems = choice.systems.filter { failures[$0] == nil }
    let traffic = systems.isEmpty ? nil : try measure(choice, systems)
    guard failures.isEmpty, traffic == nil else {
      let texts = failures.map { "\(context.layout) \($0.key): answers are wrong: \($0.value)" }
      throw InferenceError(
        .failed, (texts.sorted() + [traffic].compactMap(\.self)).joined(separator: "\n"))
    }
  }

  private func loadTransformer(_ model: ModelConfiguration) throws -> TransformerShard {
    guard let shard = try loadShard(model) as? TransformerShard else {
      preconditionFailure("serving jobs of encoders are refused")
    }
    return shard
  }

  /// Failures by system; the same on every rank.
  private func verify(_ choice: ServingChoice) throws -> [ServingSystem: String] {
    let check = resolved.job.verification
    let sample = resolved.batches[0]
    let prompts = try resolved.tokens(of: sample)
    let outputs = resolved.outputLengths(of: sample).map { min($0, check.outputTokens) }
    let model = try MemoryCheck.verificationModel(
      resolved.model, context: context, backend: resources.backend)
    context.activity.begin("reference")
    progress.report(stage: "verify")
    let reference = try context.together("reference") {
      guard context.isCoordinator else { return ReferenceAnswers?.none }
      return try ReferenceAnswers.compute(
        model: model, source: resources.weights(model), backend: resources.backend,
        prompts: prompts, outputTokens: outputs)
    }
    let shard = try loadTransformer(model)
    if model == resolved.model { self.shard = shard }
    let verification = ServingVerification(
      context: context, shard: shard, choice: choice, prompts: prompts, outputs: outputs)
    var records: [VerificationRecord] = []
    for system in choice.systems {
      context.activity.begin("verify", policy: "\(system)")
      let comparison = try verification.compare(system, reference: reference)
      guard let comparison, let reference else { continue }
      records.append(
        record(
          "\(system)", sequences: prompts.count, tokensPerSequence: outputs.max() ?? 1,
          of: model, tolerance: reference.tolerance, comparison))
    }
    return Dictionary(
      uniqueKeysWithValues: zip(choice.systems, try agree(on: records)).filter { $0.1 != "" })
  }

  /// Serves all requests under every load with every system, A B A B. Returns what was wrong with the
  /// traffic, the same on every rank.
  private func measure(_ choice: ServingChoice, _ systems: [ServingSystem]) throws -> String? {
    let shard = try self.shard as? TransformerShard ?? loadTransformer(resolved.model)
    let stages = context.layout.pipeline
    context.activity.begin("KV pool")
    try context.together("memory") {
      try shard.reserve(slots: choice.maxNumTokens, samples: choice.maxBatchSize)
    }
    let pool = try ServingPool(
      choice, context: context, plan: shard.plan, backend: resources.backend)
    if context.isCoordinator { for warning in pool.warnings { progress.warn(warning) } }
    let executor = try context.together("KV pool") {
      try ServingExecutor(
        context: context, shard: shard,
        limits: choice.limits(systems[0], blockCount: pool.blockCount, stages: stages))
    }
    let traffic = try context.traffic(resources.predicted(resolved.model))
    let check = TrafficCheck(context: context, traffic: traffic)
    let files = try context.together("output") {
      context.isCoordinator ? try ServingFiles(cell) : nil
    }
    let requests = context.isCoordinator ? try resolved.servingRequests() : []
    let entries = try choice.requests.entries(seed: resolved.job.seed)
    let bench = ServingBench(
      executor: executor, traffic: traffic, choice: choice, entries: entries, requests: requests,
      blockCount: pool.blockCount, seed: resolved.job.seed)
    var calibration: ServingCalibration?
    if choice.isCalibrated {
      context.activity.begin("calibrate")
      progress.report(stage: "calibrate")
      calibration = try bench.calibrate()
    }
    progress.begin(total: resolved.job.repeats * choice.loads.count * systems.count)
    defer { context.activity.rest() }
    for turn in 0..<resolved.job.repeats {
      for (number, load) in choice.loads.enumerated() {
        for system in systems {
          context.activity.begin("serve", policy: "\(system)", batch: number, turn: turn)
          let run = Records.ServingRun(
            cell: cell.name, layout: "\(context.layout)", system: "\(system)",
            load: choice.name(of: load), repeatIndex: turn, origin: context.origin,
            oversubscribed: oversubscribed)
          // Only the coordinator has measured, and only it sends requests.
          let arrivals = context.isCoordinator ? choice.arrivals(of: load, calibration) : load
          let (loop, session) = try bench.serve(run, system: system, arrivals: arrivals)
          context.activity.enter("records")
          check.add(loop, id: number, policy: "\(system)")
          try nodeFile.append(
            try loop.traffic?.account.records(
              run, load: number, seconds: loop.seconds, executor: executor) ?? [])
          let control = try loop.traffic?.controlSums()
          if let session {
            var record = session.record(
              levels: choice.levels(calibration), warmup: choice.warmupRequests,
              ranks: context.layout.worldSize)
            record.offeredRate = arrivals.rate
            record.calibration = calibration
            (record.controlMessages, record.controlBytes) = (control?.messages, control?.bytes)
            try files?.write(session, record)
            if let (request, reason) = session.refusals.first {
              progress.warn(
                "\(system) \(run.load): \(session.refusals.count) requests refused, the first of them "
                  + "\(request): \(reason)")
            }
          }
          progress.step(policy: .packed, batch: number)
        }
      }
    }
    context.activity.begin("traffic check")
    let difference = try write(check)
    try context.together("output") {
      try files?.synchronize()
      try nodeFile.synchronize()
    }
    try writeStages(executions: resolved.job.repeats * choice.loads.count * systems.count)
    return difference
  }
}

/// The coordinator's files of a serving cell.
final class ServingFiles {
  private let requests: JSONLinesWriter
  private let iterations: JSONLinesWriter
  private let summaries: JSONLinesWriter

  init(_ cell: CellDirectory) throws {
    requests = try JSONLinesWriter(path: cell.requests)
    iterations = try JSONLinesWriter(path: cell.iterations)
    summaries = try JSONLinesWriter(path: cell.serving)
  }

  func write(_ session: ServingSession, _ record: ServingRecord) throws {
    for record in session.requests { try requests.append(record) }
    for record in session.iterations { try iterations.append(record) }
    try summaries.append(record)
  }

  func synchronize() throws {
    for file in [requests, iterations, summaries] { try file.synchronize() }
  }
}
