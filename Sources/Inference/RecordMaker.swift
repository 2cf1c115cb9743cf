import Locality
import Models
import Records
import Scheduling
import Workloads

/// Makes the records of one execution of one batch.
struct RecordMaker {
  let cell: String
  let context: RankContext
  let model: ModelConfiguration
  let batch: Batch
  let policy: Policy
  let turn: (index: Int, warmup: Bool, order: Int)
  let oversubscribed: Bool

  /// This rank's records, prefill and decode.
  func rankRecords(
    _ result: BatchRunner.Result, plan: BatchPlan, executor: BatchExecutor
  ) throws -> [RankRecord] {
    let memory = try MemoryUsage.current()
    func record(_ phase: Phase, _ account: PhaseAccount, wall: Double) -> RankRecord {
      let communication = min(account.communicationSeconds, wall)
      let compute = min(account.computeSeconds, wall - communication)
      return RankRecord(
        cell: cell, layout: "\(context.layout)", origin: context.origin, policy: "\(policy)",
        batch: batch.id, repeatIndex: turn.index, warmup: turn.warmup, phase: phase.rawValue,
        rank: context.rank,
        tensorRank: context.coordinates.tensor, stage: context.stage,
        replica: context.coordinates.replica, wallSeconds: wall, computeSeconds: compute,
        communicationSeconds: communication, idleSeconds: max(0, wall - compute - communication),
        traffic: account.traffic, peakMemoryBytes: memory.peakResident,
        weightBytes: executor.shard.weightBytes,
        kvBytesReserved: executor.kvBytes(slots: plan.kvSlotsReserved),
        kvBytesUsed: executor.kvBytes(slots: plan.kvSlotsUsed))
    }
    let ttft = result.batchTTFTSeconds
    if plan.isScore { return [record(.score, result.prefill, wall: ttft)] }
    return [
      record(.prefill, result.prefill, wall: ttft),
      record(.decode, result.decode, wall: max(0, result.totalSeconds - ttft)),
    ]
  }

  /// The coordinator's record, over all replicas.
  func batchRecord(
    _ result: BatchRunner.Result, plans: [BatchPlan], microBatches: Int
  ) -> BatchRecord {
    let isScore = plans.allSatisfy(\.isScore)
    let costs = PlanCosts(model: model, layout: context.layout, plans: plans)
    let prefill = costs.phase(isScore ? .score : .prefill)
    let decode = costs.phase(.decode)
    let decodeSeconds = result.totalSeconds - result.batchTTFTSeconds
    var record = BatchRecord(
      cell: cell, layout: "\(context.layout)", policy: "\(policy)", origin: context.origin,
      batch: batch.id, repeatIndex: turn.index, warmup: turn.warmup, order: turn.order,
      oversubscribed: oversubscribed, sequences: batch.count, inputTokens: prefill.tokens,
      outputTokens: plans.reduce(0) { $0 + $1.outputLengths.reduce(0, +) },
      longestPrompt: batch.longest, shortestPrompt: batch.shortest, prefillSlots: prefill.slots,
      decodeSlots: decode.slots,
      padding: costs.padding(prefillSeconds: result.batchTTFTSeconds, decodeSeconds: decodeSeconds),
      truncatedTokens: batch.realTokens - plans.reduce(0) { $0 + $1.promptLengths.reduce(0, +) },
      microBatches: microBatches, batchTTFTSeconds: result.batchTTFTSeconds,
      totalSeconds: result.totalSeconds, usefulFLOPs: prefill.usefulFLOPs + decode.usefulFLOPs,
      slotFLOPs: prefill.slotFLOPs + decode.slotFLOPs, prefillUsefulFLOPs: prefill.usefulFLOPs,
      prefillSlotFLOPs: prefill.slotFLOPs,
      idealPackingSpeedup: prefill.slotFLOPs / prefill.usefulFLOPs,
      kvSlotsReserved: plans.reduce(0) { $0 + $1.kvSlotsReserved },
      kvSlotsUsed: plans.reduce(0) { $0 + $1.kvSlotsUsed },
      tokenDigest: Self.digest(
        isScore ? plans.flatMap(\.promptLengths).map { [Int32($0)] } : result.tokens))
    if isScore { record.meanNLL = Self.mean(result.losses) }
    return record
  }

  /// Mean over all scored tokens; nil when there is none.
  static func mean(_ losses: [[Double]]) -> Double? {
    let count = losses.reduce(0) { $0 + $1.count }
    return count > 0 ? losses.reduce(0) { $0 + $1.reduce(0, +) } / Double(count) : nil
  }

  /// FNV-1a over all tokens and the ends of sequences, as 16 hexadecimal digits.
  static func digest(_ tokens: [[Int32]]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ value: UInt32) {
      for shift in stride(from: 0, to: 32, by: 8) {
        hash = (hash ^ UInt64((value >> UInt32(shift)) & 0xff)) &* 0x100_0000_01b3
      }
    }
    for sequence in tokens {
      for token in sequence { mix(UInt32(bitPattern: token)) }
      mix(.max)
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
