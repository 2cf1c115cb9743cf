import Communication
import Costs
import Locality
import Records
import Scheduling
import Units
import Workloads

/// Makes the records of one execution of one batch.
struct RecordMaker {
  let cell: String
  let context: RankContext
  let traffic: TrafficModel
  let batch: Batch
  let policy: Policy
  let turn: BatchRecord.Turn
  let oversubscribed: Bool
  let sharesGPU: Bool

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
    var record = BatchRecord(
      cell: cell, policy: policy, origin: context.origin, traffic: traffic,
      batch: batch, plans: plans, turn: turn, oversubscribed: oversubscribed,
      microBatches: microBatches, batchTTFTSeconds: result.batchTTFTSeconds,
      totalSeconds: result.totalSeconds,
      tokenDigest: Self.digest(
        isScore ? plans.flatMap(\.promptLengths).map { [Int32($0)] } : result.tokens))
    if isScore { record.meanNLL = Self.mean(result.losses) }
    if context.clock != nil {
      record.elapsedTTFTSeconds = result.elapsedTTFTSeconds
      record.elapsedSeconds = result.elapsedSeconds
    }
    // A board that two ranks load would be counted twice.
    if !sharesGPU { record.energyJoules = result.joules }
    return record
  }

  /// Mean over all scored tokens; nil when there is none.
  static func mean(_ losses: [[Double]]) -> Double? {
    let count = losses.reduce(0) { $0 + $1.count }
    return count > 0 ? losses.reduce(0) { $0 + $1.reduce(0, +) } / Double(count) : nil
  }

  /// FNV-1a over all tokens and the ends of sequences, as 16 hexadecimal digits.
  static func digest(_ tokens: [[Int32]]) -> String {
    var digest = Digest()
    func add(_ value: UInt32) { withUnsafeBytes(of: value.littleEndian) { digest.add($0) } }
    for sequence in tokens {
      for token in sequence { add(UInt32(bitPattern: token)) }
      add(.max)
    }
    return digest.text
  }
}
