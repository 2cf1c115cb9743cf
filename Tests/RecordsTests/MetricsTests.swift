import Records
import Testing

/// Each formula of `docs/METRICS.md` against numbers worked out by hand.
@Suite struct MetricsTests {
  private let record = BatchRecord(
    cell: "tp1", layout: "tp1", policy: "right-pad", origin: .measured, batch: 0, repeatIndex: 0,
    warmup: false, order: 0, oversubscribed: false, sequences: 4, inputTokens: 60,
    outputTokens: 20, longestPrompt: 30, shortestPrompt: 2, prefillSlots: 120, decodeSlots: 16,
    padding: [:], truncatedTokens: 0,
    microBatches: 1, batchTTFTSeconds: 0.5, totalSeconds: 2.5, usefulFLOPs: 9e9, slotFLOPs: 12e9,
    prefillUsefulFLOPs: 6e9, prefillSlotFLOPs: 8e9, idealPackingSpeedup: 2, kvSlotsReserved: 200,
    kvSlotsUsed: 76, tokenDigest: "")

  @Test("rates are those worked out by hand")
  func rates() throws {
    #expect(Metrics.prefillEffectiveTPS(record) == 120)
    #expect(Metrics.prefillRawTPS(record) == 240)
    // 20 output tokens less the first of 4 sequences, in 2 seconds.
    #expect(Metrics.decodeTPS(record) == 8)
    #expect(Metrics.endToEndTPS(record) == 32)
    #expect(abs(Metrics.tpritMilliseconds(record) - 500.0 / 60) < 1e-12)
  }

  @Test("shares are those worked out by hand")
  func shares() throws {
    #expect(Metrics.padRatio(record) == 0.5)
    #expect(abs(Metrics.kvWaste(record) - 0.62) < 1e-12)
    #expect(Metrics.prefillMFU(record, peakFLOPS: 24e9) == 0.5)
    #expect(abs((Metrics.prefillRawMFU(record, peakFLOPS: 24e9) ?? 0) - 8.0 / 12) < 1e-12)
    #expect(Metrics.prefillMFU(record, peakFLOPS: 0) == nil)
  }

  @Test("decode has no rate without decode steps")
  func zeroDecode() {
    var single = record
    single.outputTokens = 4
    single.totalSeconds = single.batchTTFTSeconds
    #expect(Metrics.decodeTPS(single) == nil)
  }

  @Test("padding tax and packing efficiency are those worked out by hand")
  func padding() {
    #expect(Metrics.paddingTax(padded: 3, packed: 2) == 0.5)
    #expect(Metrics.packingEfficiency(measured: 1.75, ideal: 2) == 0.75)
    #expect(Metrics.packingEfficiency(measured: 1.1, ideal: 1) == nil)
  }
}
