import Records
import Statistics

/// Turns one cell's records into rows. Pure: records in, numbers out.
struct CellAggregation {
  let cell: CellContents
  /// Of all its times.
  let origin: Origin
  /// Seed of the bootstrap.
  let seed: UInt64

  private var counted: [BatchRecord] { cell.batches.filter { !$0.warmup } }

  /// Policies of the cell: those asked for first, then those that records name.
  private func policies(_ expected: [String]) -> [String] {
    var names = expected
    for name in cell.verifications.map(\.policy) + cell.batches.map(\.policy)
    where !names.contains(name) { names.append(name) }
    return names
  }

  func rows(expected: [String]) -> [SummaryRow] {
    let names = policies(expected)
    let reference = names.contains("packed") && refusal("packed") == nil ? "packed" : nil
    return names.map { policy in
      var row = SummaryRow(
        cell: cell.name, layout: layout, origin: origin, policy: policy, ranks: rankCount)
      let records = counted.filter { $0.policy == policy }
      row.executions = records.count
      row.batches = Set(records.map(\.batch)).count
      row.oversubscribed =
        cell.provenance?.oversubscribed ?? false || records.contains(where: \.oversubscribed)
      if let refusal = refusal(policy) {
        row.note = refusal
        return row
      }
      row.verified = cell.verifications.contains { $0.policy == policy }
      guard !records.isEmpty else {
        row.note = "no measured batch"
        return row
      }
      row.answersEqual = answersEqual(policy)
      fillTimes(&row, records)
      fillVariation(&row, records)
      fillSlots(&row, records)
      fillRanks(&row, policy: policy, executions: records.count)
      fillCommunication(&row, policy: policy, executions: records.count)
      fillTax(&row, records, policy: policy, reference: reference)
      row.fit = fit(records)
      return row
    }
  }

  private var layout: String {
    cell.provenance?.layout ?? cell.batches.first?.layout ?? cell.verifications.first?.layout
      ?? cell.name
  }

  private var rankCount: Int {
    cell.provenance?.ranks.count ?? Set(cell.ranks.totals.present.values.joined()).count
  }

  /// Why a policy has no numbers, nil when its answers were verified, or are not ours to verify:
  /// imported and modelled times come without answers.
  private func refusal(_ policy: String) -> String? {
    let isForeign = cell.batches.contains {
      $0.policy == policy && ($0.origin == .imported || $0.origin == .modelled)
    }
    if isForeign { return nil }
    let records = cell.verifications.filter { $0.policy == policy }
    if let failed = records.first(where: { !$0.passed }) {
      return "answers are wrong: \(failed.failure ?? "no detail given")"
    }
    return records.isEmpty ? "not verified" : nil
  }

  /// Whether every batch has one set of tokens, whatever the repeat and the policy.
  private func answersEqual(_ policy: String) -> Bool? {
    if counted.contains(where: { $0.meanNLL != nil }) { return scoresEqual(policy) }
    if counted.contains(where: \.tokenDigest.isEmpty) { return nil }
    var digests: [Int: Set<String>] = [:]
    var own: [Int: Set<String>] = [:]
    for record in cell.batches where refusal(record.policy) == nil && record.truncatedTokens == 0 {
      digests[record.batch, default: []].insert(record.tokenDigest)
      if record.policy == policy { own[record.batch, default: []].insert(record.tokenDigest) }
    }
    let others = Set(cell.batches.map(\.policy)).subtracting([policy])
    guard !own.isEmpty, others.contains(where: { refusal($0) == nil }) else { return nil }
    return own.keys.allSatisfy { digests[$0]?.count == 1 }
  }

  /// Whether the mean negative log-likelihoods of each batch agree, within what verification allows,
  /// with those of the other policies that scored the same tokens; nil when there is no other.
  private func scoresEqual(_ policy: String) -> Bool? {
    let tolerance = cell.verifications.map(\.tolerance).max() ?? 0
    let verified = cell.batches.filter { refusal($0.policy) == nil }
    let pairs = verified.lazy.filter { $0.policy == policy }.flatMap { own in
      verified.lazy.filter {
        $0.policy != policy && $0.batch == own.batch && $0.tokenDigest == own.tokenDigest
      }.map { (own.meanNLL ?? .nan, $0.meanNLL ?? .nan) }
    }
    guard !pairs.isEmpty else { return nil }
    return pairs.allSatisfy { abs($0 - $1) <= tolerance }
  }

  private func fillTimes(_ row: inout SummaryRow, _ records: [BatchRecord]) {
    let peak = cell.provenance?.peakFLOPS ?? 0
    row.set(
      (.batchTTFT, .batchTTFTLower, .batchTTFTUpper),
      Self.byBatch(records, \.batch, \.batchTTFTSeconds), seed)
    row.set(
      (.total, .totalLower, .totalUpper), Self.byBatch(records, \.batch, \.totalSeconds), seed)
    row[.prefillEffective] = median(records.map(Metrics.prefillEffectiveTPS))
    row[.prefillRaw] = median(records.map(Metrics.prefillRawTPS))
    row[.decode] = median(records.compactMap(Metrics.decodeTPS))
    row[.endToEnd] = median(records.map(Metrics.endToEndTPS))
    row[.meanNLL] = median(records.compactMap(\.meanNLL))
    row[.tpot] = median(records.compactMap(Metrics.tpotMilliseconds))
    row[.tprit] = median(records.map(Metrics.tpritMilliseconds))
    row[.mfu] = median(records.compactMap { Metrics.prefillMFU($0, peakFLOPS: peak) })
    row[.energy] = Metrics.joules(records)
    row[.energyPerToken] = Metrics.joulesPerToken(records)
    row[.mfuRaw] = median(records.compactMap { Metrics.prefillRawMFU($0, peakFLOPS: peak) })
  }

  private func fillSlots(_ row: inout SummaryRow, _ records: [BatchRecord]) {
    func mean(_ value: (BatchRecord) -> Int) -> Double {
      Double(records.reduce(0) { $0 + value($1) }) / Double(records.count)
    }
    row[.padRatio] = median(records.map(Metrics.padRatio))
    row[.kvWaste] = median(records.map(Metrics.kvWaste))
    row[.inputTokens] = mean(\.inputTokens)
    row[.prefillSlots] = mean(\.prefillSlots)
    row[.decodeSlots] = mean(\.decodeSlots)
    row[.truncatedTokens] = mean(\.truncatedTokens)
    let share = 1 / Double(records.count)
    for cause in Set(records.flatMap(\.padding.keys)) {
      row.padding[cause] = records.reduce(into: PaddingShare()) { total, record in
        guard let cost = record.padding[cause] else { return }
        total.slots += Double(cost.slots) * share
        total.flops += cost.flops * share
        total.wireBytes += Double(cost.wireBytes) * share
        total.kvBytes += Double(cost.kvBytes) * share
        total.seconds += cost.seconds * share
      }
    }
  }

  /// TTFT against the spread of lengths, as the published study fits it: legacy iterative prefill
  /// takes a step per position between the shortest and the longest prompt.
  private func fit(_ records: [BatchRecord]) -> SpreadFit? {
    let spans = records.map { Double($0.longestPrompt - $0.shortestPrompt) }
    guard Set(spans).count > 2,
      let line = try? LinearFit(x: spans, y: records.map(\.batchTTFTSeconds))
    else { return nil }
    return SpreadFit(
      secondsPerToken: line.slope, intercept: line.intercept, rSquared: line.rSquared,
      count: records.count)
  }

  private func median(_ values: [Double]) -> Double? { try? Sample(values).median }
}

extension SummaryRow {
  /// Sets a median and, for two values or more, the ends of its bootstrap 95 % interval: batches are
  /// drawn first, then repeats of them.
  mutating func set(
    _ names: (median: SummaryMetric, lower: SummaryMetric, upper: SummaryMetric),
    _ batches: [[Double]], _ seed: UInt64
  ) {
    guard let sample = try? ClusteredSample(batches) else { return }
    self[names.median] = sample.sample.median
    guard sample.sample.count > 1 else { return }
    let interval = sample.bootstrapMedian(seed: seed)
    self[names.lower] = interval.lower
    self[names.upper] = interval.upper
  }
}
