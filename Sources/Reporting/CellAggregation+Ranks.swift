import Records
import Statistics

extension CellAggregation {
  /// Shares of the ranks' time, bytes per execution, and memory per rank.
  func fillRanks(_ row: inout SummaryRow, policy: String, executions: Int) {
    let all = cell.ranks.totals.phases.filter { $0.key.policy == policy }
    guard !all.isEmpty else {
      row.add(note: "no records of ranks")
      return
    }
    let prefill = all.filter { $0.key.phase == "prefill" || $0.key.phase == "score" }
    let decode = all.filter { $0.key.phase == "decode" }
    row[.computeShare] = share(all, \.compute)
    row[.communicationShare] = share(all, \.communication)
    row[.idleShare] = share(all, \.idle)
    row[.prefillCommunicationShare] = share(prefill, \.communication)
    row[.prefillIdleShare] = share(prefill, \.idle)
    row[.decodeCommunicationShare] = share(decode, \.communication)
    row[.decodeIdleShare] = share(decode, \.idle)

    let traffic = all.flatMap(\.traffic).filter { Self.sends($0.operation) }
    let model = traffic.filter { $0.communicator != "control" }
    let control = traffic.filter { $0.communicator == "control" }
    row[.sentBytes] = Double(model.reduce(0) { $0 + $1.bytes }) / Double(executions)
    row[.paddedSentBytes] = Double(model.reduce(0) { $0 + $1.paddedBytes }) / Double(executions)
    row[.controlBytes] = Double(control.reduce(0) { $0 + $1.bytes }) / Double(executions)
    row[.peakMemory] = all.map { Double($0.peakMemoryBytes) }.max()
    row[.weights] = all.map { Double($0.weightBytes) }.max()
    row[.kvReserved] = all.map { Double($0.kvBytesReserved) }.max()
  }

  /// Whether the bytes of an operation leave the rank. What is received was counted by its sender.
  static func sends(_ operation: String) -> Bool { operation != "receive" && operation != "wait" }

  /// Part of the ranks' wall time, summed over ranks; nil when no time passed.
  private func share(
    _ phases: [RankTotals.Phase], _ part: (RankTotals.Times) -> Double
  ) -> Double? {
    let wall = phases.reduce(0) { $0 + $1.times.wall }
    return wall > 0 ? phases.reduce(0) { $0 + part($1.times) } / wall : nil
  }

  /// Padding tax and packing efficiency: each execution against the packed one of the same batch
  /// and repeat.
  func fillTax(
    _ row: inout SummaryRow, _ records: [BatchRecord], policy: String, reference: String?
  ) {
    guard policy != "packed" else { return }
    guard let reference else {
      row.add(note: "no padding tax: packed is not in the run or its answers were not verified")
      return
    }
    let pairs = self.pairs(records, with: reference)
    guard !pairs.isEmpty else {
      row.add(note: "no padding tax: no packed execution of the same batch and repeat")
      return
    }
    row[.pairs] = Double(pairs.count)
    row.set(
      (.taxTTFT, .taxTTFTLower, .taxTTFTUpper),
      Self.byBatch(pairs, \.padded.batch) {
        Metrics.paddingTax(padded: $0.padded.batchTTFTSeconds, packed: $0.packed.batchTTFTSeconds)
      }, seed)
    row.set(
      (.taxTotal, .taxTotalLower, .taxTotalUpper),
      Self.byBatch(pairs, \.padded.batch) {
        Metrics.paddingTax(padded: $0.padded.totalSeconds, packed: $0.packed.totalSeconds)
      }, seed)
    let speedups = pairs.map { $0.padded.batchTTFTSeconds / $0.packed.batchTTFTSeconds }
    row[.packingSpeedup] = try? Sample(speedups).median
    row[.idealPackingSpeedup] = try? Sample(pairs.map(\.padded.idealPackingSpeedup)).median
    let efficiencies = zip(pairs, speedups).compactMap { pair, speedup in
      Metrics.packingEfficiency(measured: speedup, ideal: pair.padded.idealPackingSpeedup)
    }
    row[.packingEfficiency] = try? Sample(efficiencies).median
  }

  private struct Place: Hashable {
    let batch: Int
    let turn: Int
  }

  private func pairs(
    _ records: [BatchRecord], with reference: String
  ) -> [(padded: BatchRecord, packed: BatchRecord)] {
    var packed: [Place: BatchRecord] = [:]
    for record in cell.batches where record.policy == reference && !record.warmup {
      packed[Place(batch: record.batch, turn: record.repeatIndex)] = record
    }
    return records.compactMap { record in
      packed[Place(batch: record.batch, turn: record.repeatIndex)].map { (record, $0) }
    }
  }
}
