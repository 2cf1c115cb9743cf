import GPUKernels
import Inference
import Models
import Networks
import Records
import Scheduling
import Workloads

/// Measures the stages of a layout one after the other on one card, each as the first rank of its
/// tensor group, and puts them together with a network's costs (`RoundSchedule`).
///
/// Only one shard is resident at a time, so that any layout fits whose shards do. All tensor ranks of
/// a stage are taken to cost what the first one does: its shard is the largest. What a group would
/// have summed stays as the one rank made it, so tokens mean nothing and are not reported.
struct ShardRounds {
  let job: ResolvedJob
  let gpu: GPUBackend
  let network: Network
  let repeats: Int

  /// One batch under one policy.
  struct Outcome: Codable {
    var card: String
    var layout: String
    var policy: String
    var batch: Int
    var padRatio: Double
    var slots: Int
    var tokens: Int
    var ttftSeconds: Double
    var totalSeconds: Double
    var stageComputeSeconds: Double
    var stageCollectiveSeconds: Double
    var usefulFLOPs: Double
    var slotFLOPs: Double
    var idealSpeedup: Double
    /// Of all ranks' cards, over the real tokens fed and generated; nil where NVML does not tell.
    var joulesPerToken: Double?
    var network: String
    var method: String

    enum CodingKeys: String, CodingKey {
      case card, layout, policy, batch, slots, tokens, network, method
      case padRatio = "pad_ratio"
      case ttftSeconds = "ttft_seconds"
      case totalSeconds = "total_seconds"
      case stageComputeSeconds = "stage_compute_seconds"
      case stageCollectiveSeconds = "stage_collective_seconds"
      case usefulFLOPs = "useful_flops"
      case slotFLOPs = "slot_flops"
      case idealSpeedup = "ideal_speedup"
      case joulesPerToken = "joules_per_token"
    }
  }

  /// The result by batch and policy; nil with a reason where a shard does not fit.
  func measure(_ layout: ParallelLayout) throws -> (outcomes: [Outcome], refusal: String?) {
    let plans = try job.batches.map { batch in
      try job.job.policies.map { policy in
        try BatchPlan(
          policy: policy, promptLengths: batch.lengths, outputLengths: job.outputLengths(of: batch),
          microBatches: job.job.microBatches, padding: job.job.microBatchPadding,
          graphs: job.job.backend.graphs)
      }
    }
    var costs = plans.map { $0.map { _ in [[[RoundSchedule.Cost]]]() } }
    var joules = plans.map { $0.map { _ in 0.0 } }
    var hasEnergy = true
    for stage in 0..<layout.pipeline {
      let shard = try ShardPlan(model: job.model, layout: layout, stage: stage, tensorRank: 0)
      if let refusal = refusal(shard, plans.flatMap { $0 }) { return ([], refusal) }
      let measured = try MeasuredStage(shard, job: job, plans: plans.flatMap { $0 }, gpu: gpu)
      for (batch, ofBatch) in plans.enumerated() {
        for (policy, plan) in ofBatch.enumerated() {
          let found = try measured.times(plan, repeats: repeats)
          costs[batch][policy].append(
            zip(plan.steps, found.seconds).map { step, seconds in
              zip(step.microBatches, seconds).map { micro, seconds in
                RoundSchedule.Cost(
                  compute: seconds, collectives: collectives(shard, micro))
              }
            })
          if let energy = found.joules {
            joules[batch][policy] += energy * Double(layout.tensor)
          } else {
            hasEnergy = false
          }
        }
      }
    }
    var outcomes: [Outcome] = []
    for (index, batch) in job.batches.enumerated() {
      for (choice, policy) in job.job.policies.enumerated() {
        outcomes.append(
          outcome(
            layout, policy, batch, plans[index][choice], costs[index][choice],
            joules: hasEnergy ? joules[index][choice] : nil))
      }
    }
    return (outcomes, nil)
  }

  private func outcome(
    _ layout: ParallelLayout, _ policy: Policy, _ batch: Batch, _ plan: BatchPlan,
    _ costs: [[[RoundSchedule.Cost]]], joules: Double?
  ) -> Outcome {
    let hidden = job.model.hiddenSize * job.job.numbers.messages.bytes
    let schedule = RoundSchedule(
      costs: costs,
      activations: { network.sendSeconds(bytes: $0.slots * hidden, sameNode: true) },
      tokens: { network.sendSeconds(bytes: 4 * $0.samples, sameNode: true) })
    let result = schedule.run(plan)
    let prefill = plan.steps.filter { $0.phase == .prefill }
    let rows = prefill.flatMap(\.microBatches).flatMap(\.rows)
    let flops = FLOPCount(job.model)
    let slots = prefill.reduce(0) { $0 + $1.slots }
    let tokens = prefill.reduce(0) { $0 + $1.tokens }
    let samples = rows.count { $0.samples }
    return Outcome(
      card: gpu.device.name, layout: "\(layout)", policy: "\(policy)", batch: batch.id,
      padRatio: 1 - Double(batch.lengths.reduce(0, +)) / Double(batch.count * batch.longest),
      slots: slots, tokens: tokens, ttftSeconds: result.prefillEnd, totalSeconds: result.end,
      stageComputeSeconds: result.compute, stageCollectiveSeconds: result.collectives,
      usefulFLOPs: flops.total(
        slots: tokens, pairs: rows.reduce(0) { $0 + $1.usefulAttentionPairs }, headRows: samples),
      slotFLOPs: flops.total(
        slots: slots, pairs: rows.reduce(0) { $0 + $1.attentionPairs }, headRows: samples),
      idealSpeedup: flops.idealPackingSpeedup(lengths: batch.lengths),
      joulesPerToken: joules.map {
        $0 / Double(batch.lengths.reduce(0, +) + job.outputLengths(of: batch).reduce(0, +))
      },
      network: network.name,
      method: "stages measured one after the other on one card, tensor rank 0 of each; messages by "
        + "the network's model")
  }

  /// All-reduces of a micro-batch: one after the embedding, two a layer; and the logits' gather.
  private func collectives(_ shard: ShardPlan, _ micro: MicroBatch) -> Double {
    let ranks = shard.layout.tensor
    guard ranks > 1 else { return 0 }
    let nodes = [Int](repeating: 0, count: ranks)
    let bytes = micro.slots * job.model.hiddenSize * job.job.numbers.messages.bytes
    let sums = (shard.hasEmbedding ? 1 : 0) + 2 * shard.layers.count
    var seconds =
      Double(sums) * network.collectiveSeconds(.allReduce, bytes: bytes, nodes: nodes)
    if shard.hasLMHead && micro.samples > 0 {
      seconds += network.collectiveSeconds(
        .gather, bytes: 4 * micro.samples * job.model.vocabularySize, nodes: nodes)
    }
    return seconds
  }

  /// Why a shard cannot be resident; nil when it can.
  private func refusal(_ shard: ShardPlan, _ plans: [BatchPlan]) -> String? {
    let kv = plans.map(\.kvSlotsReserved).max() ?? 0
    let slots = plans.map(\.largestMicroBatch).max() ?? 0
    let model = shard.model
    let widths =
      3 * model.hiddenSize + 2 * shard.queryWidth + 2 * shard.kvWidth
      + 3 * shard.feedForward.count
    let need =
      shard.weightBytes(elementBytes: gpu.weightFormat.byteCount)
      + shard.kvBytesPerToken(elementBytes: gpu.cacheFormat.byteCount) * kv
      + slots * widths * gpu.activationFormat.byteCount + (256 << 20)
    let free = gpu.freeMemory ?? 0
    guard need > free else { return nil }
    return
      "\(shard.layout): stage \(shard.stage) needs \(need >> 20) MiB, \(free >> 20) MiB are free"
  }
}
