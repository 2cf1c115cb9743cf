import Communication
import Records
import Scheduling
import Workloads

extension BatchRecord {
  /// Where an execution stands in its cell's interleaved order.
  public typealias Turn = (index: Int, warmup: Bool, order: Int)

  /// The record of one execution of a batch: times as given, all else from its plans.
  ///
  /// - Parameters:
  ///   - plans: one per replica.
  ///   - tokenDigest: checksum of the generated tokens; empty where they are not known.
  public init(
    cell: String, policy: Policy, origin: Origin, traffic: TrafficModel,
    batch: Batch, plans: [BatchPlan], turn: Turn, oversubscribed: Bool = false, microBatches: Int,
    batchTTFTSeconds: Double, totalSeconds: Double, tokenDigest: String
  ) {
    let isScore = plans.allSatisfy(\.isScore)
    let costs = PlanCosts(traffic: traffic, plans: plans)
    let prefill = costs.phase(isScore ? .score : .prefill)
    let decode = costs.phase(.decode)
    func sum(_ value: (BatchPlan) -> Int) -> Int { plans.reduce(0) { $0 + value($1) } }
    self.init(
      cell: cell, layout: "\(traffic.layout)", policy: "\(policy)", origin: origin,
      batch: batch.id, repeatIndex: turn.index, warmup: turn.warmup, order: turn.order,
      oversubscribed: oversubscribed, sequences: batch.count, inputTokens: prefill.tokens,
      outputTokens: sum { $0.outputLengths.reduce(0, +) },
      longestPrompt: batch.longest, shortestPrompt: batch.shortest, prefillSlots: prefill.slots,
      decodeSlots: decode.slots,
      padding: costs.padding(
        prefillSeconds: batchTTFTSeconds, decodeSeconds: totalSeconds - batchTTFTSeconds),
      truncatedTokens: batch.realTokens - sum { $0.promptLengths.reduce(0, +) },
      microBatches: microBatches, batchTTFTSeconds: batchTTFTSeconds,
      totalSeconds: totalSeconds, usefulFLOPs: prefill.usefulFLOPs + decode.usefulFLOPs,
      slotFLOPs: prefill.slotFLOPs + decode.slotFLOPs, prefillUsefulFLOPs: prefill.usefulFLOPs,
      prefillSlotFLOPs: prefill.slotFLOPs,
      idealPackingSpeedup: prefill.slotFLOPs / prefill.usefulFLOPs,
      kvSlotsReserved: sum(\.kvSlotsReserved), kvSlotsUsed: sum(\.kvSlotsUsed),
      tokenDigest: tokenDigest)
    batchPadding = batch.padding
    longestOutput = plans.flatMap(\.outputLengths).max()
  }
}
