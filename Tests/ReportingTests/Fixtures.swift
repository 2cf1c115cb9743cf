import FoundationEssentials
import Records
import Reporting

/// Small record sets whose sums are easily done by hand.
enum Fixture {
  static func batch(
    _ policy: String, batch: Int = 0, turn: Int = 0, warmup: Bool = false, ttft: Double,
    total: Double, outputs: Int = 4, digest: String = "a", ideal: Double = 2,
    crowded: Bool = false
  ) -> BatchRecord {
    let padded = policy != "packed"
    return BatchRecord(
      cell: "tp2", layout: "tp2", policy: policy, origin: .measured, batch: batch,
      repeatIndex: turn, warmup: warmup, order: 0, oversubscribed: crowded, sequences: 2,
      inputTokens: 10, outputTokens: outputs, longestPrompt: 10, shortestPrompt: 2,
      prefillSlots: padded ? 20 : 10,
      decodeSlots: outputs - 2,
      padding: padded
        ? ["length": PaddingRecord(slots: 10), "finished": PaddingRecord(slots: 1)] : [:],
      truncatedTokens: 0,
      microBatches: 1, batchTTFTSeconds: ttft, totalSeconds: total, usefulFLOPs: 5e9,
      slotFLOPs: 9e9, prefillUsefulFLOPs: 4e9, prefillSlotFLOPs: 8e9, idealPackingSpeedup: ideal,
      kvSlotsReserved: padded ? 24 : 12, kvSlotsUsed: 12, tokenDigest: digest)
  }

  static func rank(
    _ policy: String, _ phase: String, rank: Int, wall: Double, compute: Double,
    communication: Double, traffic: [TrafficTotal] = [], peak: Int = 100
  ) -> RankRecord {
    RankRecord(
      cell: "tp2", layout: "tp2", policy: policy, batch: 0, repeatIndex: 0, warmup: false,
      phase: phase, rank: rank, tensorRank: rank, stage: 0, replica: 0, wallSeconds: wall,
      computeSeconds: compute, communicationSeconds: communication,
      idleSeconds: wall - compute - communication, traffic: traffic, peakMemoryBytes: peak,
      weightBytes: 40, kvBytesReserved: 8, kvBytesUsed: 4)
  }

  static func traffic(
    _ operation: String, _ communicator: String, bytes: Int, padded: Int = 0,
    moving: Double? = nil
  ) -> TrafficTotal {
    TrafficTotal(
      operation: operation, communicator: communicator, elementType: "float", calls: 1,
      elements: bytes / 4, bytes: bytes, paddedBytes: padded, seconds: 0.1,
      communicationSeconds: moving)
  }

  static func verification(
    _ policy: String, passed: Bool = true, failure: String? = nil
  ) -> VerificationRecord {
    VerificationRecord(
      cell: "tp2", layout: "tp2", policy: policy, sequences: 2, tokensPerSequence: 2, layers: 2,
      maxLogitError: passed ? 1e-6 : 0.5, tolerance: 1e-4, tokensCompared: 4, ties: 0,
      passed: passed, failure: failure)
  }

  static func provenance(crowded: Bool = false, core: String = "Zen") -> Provenance {
    let facts = (0..<2).map { rank in
      RankFacts(
        rank: rank, host: "box", process: 10 + rank, cpuModel: "Test CPU", usableCores: 2,
        binding: "\(rank)", numaNode: "0", backend: "OpenBLAS", library: "libopenblas.so.0",
        blasCore: core, instructionSet: "AVX-512", threads: 1, peakGFLOPS: 4, gemmGFLOPS: 3,
        weightBytes: 40, loadAverage: 0)
    }
    return Provenance(
      cell: "tp2", arguments: [], padtaxVersion: "0", commit: nil, dirty: nil, seed: 1,
      clock: "wall", startUTC: "2026-11-21T11:30:00Z",
      model: ModelFacts(
        name: "toy", parameters: 1234, layers: 2, hidden: 8, queryHeads: 2, kvHeads: 1,
        headDimension: 4, feedForward: 16, vocabulary: 32, weights: "random, seed 1"),
      layout: "tp2", mpiLibrary: "Open MPI v4.1.4", mpiStandard: "3.1", oversubscribed: crowded,
      ranks: facts, environment: [:], warnings: [])
  }

  static func cell(
    _ batches: [BatchRecord], ranks: [RankRecord] = [],
    verifications: [VerificationRecord]? = nil, state: CellDirectory.Marker? = .done,
    provenance: Provenance? = provenance()
  ) -> CellContents {
    let policies = Set(batches.map(\.policy)).sorted()
    return CellContents(
      name: "tp2", state: state, provenance: provenance,
      verifications: verifications ?? policies.map { verification($0) }, batches: batches,
      ranks: ranks)
  }

  static func summary(_ cells: CellContents..., warnings: [String] = []) -> Summary {
    Summary(
      RunContents(identifier: "r1", run: nil, job: nil, cells: cells, warnings: warnings))
  }
}

extension SummaryRow {
  /// The number, not-a-number when there is none, so that comparing with it fails.
  func number(_ metric: SummaryMetric) -> Double { self[metric] ?? .nan }
}

extension Double {
  func isNear(_ other: Double) -> Bool { abs(self - other) < 1e-12 * Swift.max(1, abs(other)) }
}
