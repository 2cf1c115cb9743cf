import GPUKernels
import Inference
import Kernels
import MPI
import Models
import Records
import Scheduling
import Tensors
import Transformers

/// One resident shard and what its forward pass needs.
final class MeasuredStage {
  private let shard: TransformerShard
  private let cache: KVCache
  private let hidden: Matrix
  private let gpu: GPUBackend
  private let plan: ShardPlan

  init(_ plan: ShardPlan, job: ResolvedJob, plans: [BatchPlan], gpu: GPUBackend) throws {
    self.plan = plan
    self.gpu = gpu
    let own = try Communicator.ownSelf(
      label: Traffic.tensor, ledger: TrafficLedger(isRecording: false))
    shard = try TransformerShard(
      plan: plan, source: RandomWeights(seed: job.job.seed, layers: job.model.layerCount),
      backend: gpu,
      group: TensorGroup(measuring: plan.tensorRank, of: plan.layout.tensor, on: own),
      positions: job.positions)
    let slots = plans.map(\.largestMicroBatch).max() ?? 1
    let micro = plans.flatMap(\.steps).flatMap(\.microBatches)
    try shard.reserve(slots: slots, samples: micro.map(\.samples).max() ?? 1)
    cache = try shard.makeCache(slots: plans.map(\.kvSlotsReserved).max() ?? 1)
    hidden = try gpu.matrix(rows: slots, columns: plan.model.hiddenSize)
  }

  /// Seconds by step and micro-batch: the median of some walks through the plan, after one to warm up;
  /// and the joules of a walk.
  func times(_ plan: BatchPlan, repeats: Int) throws -> (seconds: [[Double]], joules: Double?) {
    let inputs = plan.steps.map {
      $0.microBatches.map { MicroBatchInput($0, regions: plan.regions) }
    }
    _ = try walk(plan, inputs)
    let before = gpu.telemetry?.energyJoules ?? 0
    let walks = try (0..<repeats).map { _ in try walk(plan, inputs) }
    let after = gpu.telemetry?.energyJoules ?? 0
    let seconds = inputs.indices.map { step in
      inputs[step].indices.map { micro in
        walks.map { $0[step][micro] }.sorted()[repeats / 2]
      }
    }
    // The counter stands still where it is not supported.
    return (seconds, after > before ? (after - before) / Double(repeats) : nil)
  }

  private func walk(
    _ plan: BatchPlan, _ inputs: [[MicroBatchInput]]
  ) throws -> [[Double]] {
    try plan.steps.indices.map { step in
      try inputs[step].indices.map { number in
        try seconds(plan.steps[step], number, inputs[step][number])
      }
    }
  }

  private func seconds(_ step: StepPlan, _ micro: Int, _ input: MicroBatchInput) throws -> Double {
    let slots = step.microBatches[micro].slots
    let states = hidden.rows(0..<slots)
    let tokens = (0..<slots).map { Int32(($0 * 7919 + 13) % plan.model.vocabularySize) }
    if !plan.hasEmbedding {
      // What the stage before would have sent, of the same size.
      _ = gpu.fill(
        states,
        NormalBlock(
          seed: 3, stream: 0, first: 0, step: UInt64(states.columns), mean: 0, deviation: 1))
    }
    let start = gpu.deviceNanoseconds ?? 0
    if step.phase == .decode { gpu.beginStep(rows: slots) }
    if plan.hasEmbedding { try shard.embed(tokens, input: input, into: states) }
    try shard.runLayers(ResidualStream(residual: states), input: input, cache: cache)
    gpu.endStep()
    if plan.hasLMHead && !input.sampledSlots.isEmpty {
      _ = try shard.logits(states, input: input)?.argmax(gpu)
    }
    let end = gpu.deviceNanoseconds ?? 0
    return Double(end - start) * 1e-9
  }
}
