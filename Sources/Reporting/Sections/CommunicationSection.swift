import Records
import Units

extension ReportData {
  /// Bytes by operation with their padded part, and where the ranks' time went.
  var communicationSection: ReportSection? {
    let timed = rows.filter { $0[.computeShare] != nil }
    guard !timed.isEmpty else { return nil }
    var section = ReportSection(id: "communication", title: "Communication")
    section.charts = [
      traffic.isEmpty ? nil : trafficChart, shareChart(timed), bandwidthChart,
    ].compactMap { $0 }
    section.body = HTML(
      summary.communicationTable, caption: "Communication and memory by layout and policy")
    return section
  }

  private struct Traffic {
    var row: SummaryRow
    var operation: String
    var useful: Double
    var padded: Double
  }

  /// Bytes that the model's operations sent, per execution, summed over ranks: what is received was
  /// counted by its sender.
  private var traffic: [Traffic] {
    rows.flatMap { row in
      (row.communication ?? []).filter { CellAggregation.sends($0.operation) && $0.bytes > 0 }.map {
        Traffic(
          row: row, operation: $0.operation, useful: $0.bytes - $0.paddedBytes,
          padded: $0.paddedBytes)
      }
    }
  }

  private var trafficChart: Chart {
    let traffic = self.traffic
    let operations = Palette(
      Self.unique(traffic.map(\.operation)),
      known: ["all-reduce": "#0072B2", "send": "#E69F00", "all-gather": "#56B4E9"])
    let parts = traffic.flatMap { entry in
      [("tokens", entry.useful), ("padding", entry.padded)].enumerated().map { index, kind in
        StackedPart(
          bar: series(entry.row), part: entry.operation, value: kind.1, order: index,
          more: ["k": .text(kind.0)])
      }
    }
    var spec = VegaLite.stackedBars(
      parts, x: .quantity("x", "bytes per batch", format: "~s"), kind: "operation", operations,
      tooltip: [.shown("k", "bytes of"), .shown("x", "bytes", format: ",.0f")])
    spec.layer[0].encoding.opacity = .fixed(.number(1))
    spec.layer[0].encoding.opacity?.condition = VegaLite.Condition(
      test: "datum.k === 'padding'", value: .number(0.4))
    let padded = traffic.reduce(0) { $0 + $1.padded }
    let all = traffic.reduce(0) { $0 + $1.padded + $1.useful }
    return Chart(
      id: "traffic", title: "Bytes sent, by operation",
      spec: spec,
      caption: """
        Counted \(Glossary.link(.sentBytes)) of a batch, mean over executions; pale: \
        \(Glossary.link(.paddedSentBytes)). Counts are exact and the same on every machine.
        """,
      description: "Bytes sent by operation for \(Set(traffic.map { series($0.row) }).count) rows; "
        + "\(Summary.percent(padded / max(all, 1))) % of all bytes belong to padding.",
      table: summary.operationTable)
  }

  private func shareChart(_ rows: [SummaryRow]) -> Chart {
    let kinds: [(String, SummaryMetric)] = [
      ("compute", .computeShare), ("communication", .communicationShare), ("idle", .idleShare),
    ]
    let parts = rows.flatMap { row in
      kinds.enumerated().map { index, kind in
        StackedPart(bar: series(row), part: kind.0, value: row[kind.1] ?? 0, order: index)
      }
    }
    let shares = rows.compactMap { $0[.communicationShare] }
    let range = "\(Summary.percent(shares.min() ?? 0)) to \(Summary.percent(shares.max() ?? 0)) %"
    return Chart(
      id: "time-shares", title: "Where the ranks' time went",
      spec: .stackedBars(
        parts,
        x: .quantity("x", "share of the ranks' time", format: ".0%", domain: [0, 1]),
        kind: "time in", .rankTime, tooltip: [.shown("x", "share", format: ".1%")]),
      caption: """
        \(provenance(rows, "times")) \(Glossary.link(.computeShare)), \
        \(Glossary.link(.communicationShare)) and \(Glossary.link(.idleShare)) of all ranks' wall time.
        """,
      description: "Shares of the ranks' time; communication takes from \(range).", table: nil)
  }
}

extension Palette {
  static let rankTime = Palette([
    "compute": "#0072B2", "communication": "#E69F00", "idle": "#999999",
  ])
}
