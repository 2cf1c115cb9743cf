import Inference
import Kernels
import MPI
import Models
import Records
import Scheduling
import Transformers

/// Random models and batches under every layout of the launch, every dialect, reduction and policy,
/// generating and scoring: each rank's ledger must be, operation by operation, what the analytic model
/// says. Each batch runs twice. On many ranks each layout takes its turn of the policies.
func checkTraffic(
  seed: UInt64, count: Int, _ world: borrowing Communicator, _ checks: Checks
) throws {
  let backend = try CPUBackend(threads: 1)
  let turns = world.size <= 2 ? 1 : world.size
  var turn = 0
  for number in 0..<count {
    let input = try RandomCase(seed: seed + UInt64(number), ranks: world.size)
    for layout in try EngineChecks.layouts(ranks: world.size)
    where (try? layout.validate(for: input.model)) != nil {
      for variant in EngineChecks.variants(layout, hiddenSize: input.model.hiddenSize) {
        let context = try variant.context(layout, world)
        let policies = EngineChecks.policies.indices.filter { $0 % turns == turn % turns }
          .map { EngineChecks.policies[$0] }
        turn += 1
        for record in try trafficRecords(input, policies, context, backend) {
          checks.expect(
            "traffic \(layout) \(variant) \(record.policy) seed \(input.seed)",
            record.passed && record.executions == 2
              && (record.operations > 0) == (layout.ranksPerReplica > 1),
            record.difference.map { "\($0) of \(input.description)" } ?? "\(record)")
        }
      }
    }
  }
}

/// Runs a case under some policies, its prompts' generation and their scoring.
private func trafficRecords(
  _ input: RandomCase, _ policies: [Policy], _ context: RankContext, _ backend: any Backend
) throws -> [TrafficCheckRecord] {
  // Wider than any row that a policy makes.
  let shard = try TransformerShard(
    plan: ShardPlan(model: input.model, layout: context.layout, rank: context.rank),
    source: input.weights, backend: backend, group: context.tensor, positions: 96)
  let runner = BatchRunner(
    context: context, executor: BatchExecutor(context: context, shard: shard))
  let check = TrafficCheck(context: context, traffic: try context.traffic(input.model))
  for policy in policies {
    for mode in JobMode.allCases
    where mode == .generate || (try? BatchPlan.checkScore(policy)) != nil {
      let plans = try BatchRunner.plans(
        policy: policy, promptLengths: input.prompts.map(\.count), outputLengths: input.outputs,
        microBatches: input.microBatches, padding: input.seed % 2 == 0 ? .own : .global,
        graphs: input.graphs,
        layout: context.layout, mode: mode)
      let batch = try runner.distribute(plans: plans, prompts: input.prompts)
      try runner.executor.prepare(for: [batch])
      for _ in 0..<2 {
        try runner.run(batch)
        check.compare(batch, id: 0, policy: "\(policy) \(mode.rawValue)")
      }
    }
  }
  return try check.records(cell: "\(context.layout)")
}
