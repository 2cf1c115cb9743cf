import Units

extension ReportData {
  /// Rates of prefill and decode.
  var throughputSection: ReportSection? {
    guard !rows.isEmpty else { return nil }
    var section = ReportSection(id: "throughput", title: "Latency and throughput")
    section.charts = [
      rateChart(
        "ttft", "Time to first token", .batchTTFT, (.batchTTFTLower, .batchTTFTUpper), "ms", 1e3)
    ]
    let rates: [(String, String, SummaryMetric)] = [
      ("prefill", "Effective prefill rate", .prefillEffective), ("decode", "Decode rate", .decode),
    ]
    section.charts += rates.filter { rate in rows.contains { $0[rate.2] != nil } }.map {
      rateChart($0.0, $0.1, $0.2, nil, "tokens/s", 1)
    }
    section.body = HTML(
      summary.throughputTable, caption: "Latency and throughput, medians over n executions")
    return section
  }

  private func rateChart(
    _ id: String, _ title: String, _ metric: SummaryMetric,
    _ interval: (lower: SummaryMetric, upper: SummaryMetric)?, _ unit: String, _ scale: Double
  ) -> Chart {
    let bars = rows.compactMap { row in
      row[metric].map {
        Bar(
          row: row, value: $0 * scale, lower: interval.flatMap { row[$0.lower] }.map { $0 * scale },
          upper: interval.flatMap { row[$0.upper] }.map { $0 * scale },
          label: unit == "ms"
            ? ($0 * scale).significant(3) : Count($0 * scale).description)
      }
    }
    let shown: HTML =
      interval == nil
      ? "" : "; lines: bootstrap 95 % \(Glossary.link("interval", text: "interval"))"
    return Chart(
      id: id, title: "\(title), \(unit)",
      spec: barSpec(bars, title: unit, format: "~s"),
      caption: """
        \(provenance(bars.map(\.row), "times")) Bars: \(Glossary.link(metric)), median\(shown).
        """,
      description: barDescription("\(title) in \(unit)", bars), table: nil)
  }
}
