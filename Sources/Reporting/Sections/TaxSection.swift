import Units

extension ReportData {
  /// Padding tax by layout and policy.
  var taxSection: ReportSection? {
    let taxed = rows.filter { $0[.taxTTFT] != nil }
    guard !taxed.isEmpty else { return nil }
    var section = ReportSection(id: "tax", title: "Padding tax")
    section.lead = """
      <p>Extra time of each policy over the same batches packed, on the same ranks, pair by pair. Zero is \
      packed itself; below zero is faster than packed.</p>
      """
    section.charts = [
      taxChart(
        "tax-ttft", "Padding tax on time to first token", taxed,
        (.taxTTFT, .taxTTFTLower, .taxTTFTUpper))
    ]
    if taxed.contains(where: { $0[.decode] != nil && $0[.taxTotal] != nil }) {
      section.charts.append(
        taxChart(
          "tax-total", "Padding tax on total time", taxed,
          (.taxTotal, .taxTotalLower, .taxTotalUpper)))
    }
    section.body = HTML(summary.paddingTable, caption: "Padding by layout and policy")
    return section
  }

  private func taxChart(
    _ id: String, _ title: String, _ rows: [SummaryRow],
    _ metric: (value: SummaryMetric, lower: SummaryMetric, upper: SummaryMetric)
  ) -> Chart {
    let bars = rows.compactMap { row -> Bar? in
      row[metric.value].map {
        Bar(
          row: row, value: $0, lower: row[metric.lower], upper: row[metric.upper],
          label: $0.signedPercent() + " %")
      }
    }
    return Chart(
      id: id, title: title,
      spec: barSpec(bars, title: "extra time over packed", format: "+.0%"),
      caption: """
        \(provenance(rows, "times")) Bars: \(Glossary.link(metric.value)), median of the pairs; lines: \
        bootstrap 95 % \(Glossary.link("interval", text: "interval")).
        """,
      description: barDescription(title, bars), table: nil)
  }
}
