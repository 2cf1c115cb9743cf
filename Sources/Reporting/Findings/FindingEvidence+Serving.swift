import Records
import Scheduling
import Units

extension FindingEvidence {
  /// Requests of request-level systems against the same requests of iteration-level ones: their
  /// end-to-end latency, and the share of the empty slots that are gone.
  var continuousRecovers: Finding {
    var cases: [Finding.Case] = []
    for cell in cells where !cell.serving.isEmpty {
      let refused = Set(cell.unverifiedSystems)
      let rows = ServingRow.rows(cell.serving).filter { !refused.contains($0.run.system) }
      for padded in rows where padded.isRequestLevel == true {
        for continuous in rows where continuous.isRequestLevel == false {
          guard padded.isUnderLoad(of: continuous),
            let ratio = ratio(latencies(cell, padded), latencies(cell, continuous))
          else { continue }
          var effect =
            "latency \(padded.run.system)/\(continuous.run.system) \(ratio.text)"
          if let share = Self.recovered(padded, continuous) {
            effect += ", \((share * 100).fixed(0)) % of the empty slots per token recovered"
          }
          cases.append(
            .init(
              condition: "\(cell.layoutName), \(padded.run.load)\(cell.variationSuffix)"
                + (padded.run.origin == .measured ? "" : " (\(padded.run.origin.rawValue))"),
              effect: effect, value: ratio.median, lower: ratio.interval.lower,
              upper: ratio.interval.upper, pairs: ratio.pairs, verdict: ratio.verdict()))
        }
      }
    }
    return Finding(
      id: "continuous-recovers",
      hypothesis: "continuous batching recovers what request-level batching wastes",
      test:
        "end-to-end latency of a request, request-level over iteration-level system, same request, "
        + "load and repeat; above 1 supports (interval over requests); share recovered: 1 - empty "
        + "slots per token, iteration-level over request-level", cases: cases,
      missing: "needs a serving job with a static or dynamic system beside an in-flight one, "
        + "\(Self.fewestPairs) requests or more")
  }

  /// Arrival to last token of each answered request, by request and repeat.
  private func latencies(_ cell: CellContents, _ row: ServingRow) -> [Place: Double] {
    var values: [Place: Double] = [:]
    for record in cell.requests
    where record.run.system == row.run.system && record.run.load == row.run.load
      && record.run.origin == row.run.origin
    {
      guard let last = record.tokenSeconds.last else { continue }
      let seconds = last - record.arrivalSeconds
      if seconds > 0 {
        values[Place(batch: record.request, turn: record.run.repeatIndex)] = seconds
      }
    }
    return values
  }

  /// Part of the padded system's empty slots per token that the other does without; nil where the
  /// first has none.
  static func recovered(_ padded: ServingRow, _ other: ServingRow) -> Double? {
    guard let before = padded.emptySlotsPerToken, let after = other.emptySlotsPerToken, before > 0
    else { return nil }
    return 1 - after / before
  }
}

extension ServingRow {
  /// Whether requests are batched as wholes; nil for a system that is not ours.
  var isRequestLevel: Bool? { system?.mode.isRequestLevel }

  func isUnderLoad(of other: ServingRow) -> Bool {
    run.cell == other.run.cell && run.load == other.run.load && run.origin == other.run.origin
  }

  /// Slots without a token over those with one, prefill and decode.
  var emptySlotsPerToken: Double? {
    let tokens = sum(\.prefillTokens) + sum(\.decodeTokens)
    let slots = sum(\.prefillSlots) + sum(\.decodeSlots)
    return tokens > 0 ? Double(slots - tokens) / Double(tokens) : nil
  }
}
