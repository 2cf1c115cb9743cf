import Models
import Records
import Scheduling
import Transformers
import Workloads

extension CellRun {
  /// Runs every batch under every policy, policies side by side: A B A B. Returns what was wrong
  /// with the traffic, the same on every rank.
  func measure(policies: [Policy]) throws -> String? {
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
            graphs: resolved.job.backend.graphs, layout: context.layout, mode: resolved.job.mode)
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
