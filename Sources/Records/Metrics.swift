/// The one function per metric. Formulas and units: `docs/METRICS.md`.
public enum Metrics {
  /// `prefill_effective_tps` = real input tokens / batch TTFT.
  public static func prefillEffectiveTPS(_ record: BatchRecord) -> Double {
    Double(record.inputTokens) / record.batchTTFTSeconds
  }

  /// `prefill_raw_tps` = prefill slots / batch TTFT.
  public static func prefillRawTPS(_ record: BatchRecord) -> Double {
    Double(record.prefillSlots) / record.batchTTFTSeconds
  }

  /// `decode_tps` = tokens made after the first of each sequence / (total − batch TTFT). For n
  /// output tokens per sequence that is B·(n−1)/(t_total − batch_ttft). Nil without decode steps.
  public static func decodeTPS(_ record: BatchRecord) -> Double? {
    let tokens = record.outputTokens - record.sequences
    let seconds = record.totalSeconds - record.batchTTFTSeconds
    return tokens > 0 && seconds > 0 ? Double(tokens) / seconds : nil
  }

  /// `tpot_ms` of a static batch: 1000 · (total − batch TTFT)/(n − 1) for n output tokens of every
  /// request. Nil where outputs differ or there is one token each.
  public static func tpotMilliseconds(_ record: BatchRecord) -> Double? {
    guard let longest = record.longestOutput, longest > 1,
      record.outputTokens == longest * record.sequences
    else { return nil }
    return 1000 * (record.totalSeconds - record.batchTTFTSeconds) / Double(longest - 1)
  }

  /// `tprit_ms` = 1000 · batch TTFT / real input tokens.
  public static func tpritMilliseconds(_ record: BatchRecord) -> Double {
    1000 * record.batchTTFTSeconds / Double(record.inputTokens)
  }

  /// `end_to_end_tps` = (real input + output tokens) / total.
  public static func endToEndTPS(_ record: BatchRecord) -> Double {
    Double(record.inputTokens + record.outputTokens) / record.totalSeconds
  }

  /// `energy_j_per_token` = joules of some executions / their real input and output tokens: of all
  /// together, since a board's counter moves in steps that can be longer than a batch. Nil where none
  /// tells.
  public static func joulesPerToken(_ records: [BatchRecord]) -> Double? {
    let told = records.filter { $0.energyJoules != nil }
    let tokens = told.reduce(0) { $0 + $1.inputTokens + $1.outputTokens }
    return tokens > 0 ? told.reduce(0) { $0 + ($1.energyJoules ?? 0) } / Double(tokens) : nil
  }

  /// `energy_j` of a row: mean joules of an execution. Nil where none tells.
  public static func joules(_ records: [BatchRecord]) -> Double? {
    let told = records.compactMap(\.energyJoules)
    return told.isEmpty ? nil : told.reduce(0, +) / Double(told.count)
  }

  /// `mfu` = model FLOPs on real tokens / (prefill time · peak FLOP/s of all ranks), of prefill.
  public static func prefillMFU(_ record: BatchRecord, peakFLOPS: Double) -> Double? {
    peakFLOPS > 0 ? record.prefillUsefulFLOPs / (record.batchTTFTSeconds * peakFLOPS) : nil
  }

  /// `mfu_raw`: as `mfu`, counting every slot.
  public static func prefillRawMFU(_ record: BatchRecord, peakFLOPS: Double) -> Double? {
    peakFLOPS > 0 ? record.prefillSlotFLOPs / (record.batchTTFTSeconds * peakFLOPS) : nil
  }

  /// `padding_tax` = padded time / packed time − 1.
  public static func paddingTax(padded: Double, packed: Double) -> Double { padded / packed - 1 }

  /// `packing_efficiency` = (S_measured − 1)/(S_ideal − 1). Nil when nothing could be gained.
  public static func packingEfficiency(measured: Double, ideal: Double) -> Double? {
    ideal > 1 ? (measured - 1) / (ideal - 1) : nil
  }

  /// `W` = 1 − KV slots used / KV slots reserved; 0 where none are reserved (encoders).
  public static func kvWaste(_ record: BatchRecord) -> Double {
    guard record.kvSlotsReserved > 0 else { return 0 }
    return 1 - Double(record.kvSlotsUsed) / Double(record.kvSlotsReserved)
  }

  /// Pad ratio `p` of the prefill = 1 − real tokens / slots.
  public static func padRatio(_ record: BatchRecord) -> Double {
    1 - Double(record.inputTokens) / Double(record.prefillSlots)
  }
}
