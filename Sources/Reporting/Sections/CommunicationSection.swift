import Records
import Units

extension ReportData {
  /// Bytes by operation with their padded part, and where the ranks' time went.
  var communicationSection: ReportSection? {
    let timed = rows.filter { $0[.computeShare] != nil }
    guard !timed.isEmpty else { return nil }
    var section = ReportSection(id: "communication", title: "Communication")
    section.charts = [traffic.isEmpty ? nil : trafficChart, shareChart(timed)].compactMap { $0 }
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
    var values: [[String: VegaLite.Datum]] = []
    for entry in traffic {
      let kinds = [("tokens", entry.useful), ("padding", entry.padded)]
      for (index, (kind, bytes)) in kinds.enumerated() where bytes > 0 {
        var datum: [String: VegaLite.Datum] = [
          "y": .text(series(entry.row)), "c": .text(entry.operation), "k": .text(kind),
          "o": .number(Double(index)),
        ]
        datum["x"] = .rounded(bytes)
        values.append(datum)
      }
    }
    var y = VegaLite.Channel.names("y", "", order: Self.unique(traffic.map { series($0.row) }))
    y.axis = VegaLite.Axis(labelLimit: 190)
    var x = VegaLite.Channel.quantity("x", "bytes per batch", format: "~s")
    x.stack = "zero"
    var encoding = VegaLite.Encoding(x: x, y: y)
    encoding.color = .colors("c", "operation", operations)
    encoding.opacity = .fixed(.number(1))
    encoding.opacity?.condition = VegaLite.Condition(
      test: "datum.k === 'padding'", value: .number(0.4))
    encoding.order = VegaLite.Channel(field: "o", type: "quantitative")
    encoding.tooltip = [
      .shown("y", "layout, policy"), .shown("c", "operation"), .shown("k", "bytes of"),
      .shown("x", "bytes", format: ",.0f"),
    ]
    let padded = traffic.reduce(0) { $0 + $1.padded }
    let all = traffic.reduce(0) { $0 + $1.padded + $1.useful }
    return Chart(
      id: "traffic", title: "Bytes sent, by operation",
      spec: VegaLite(
        values, height: 20 * Set(traffic.map { series($0.row) }).count + 6,
        [.init(name: "bars", mark: .init("bar"), encoding: encoding)]),
      caption: """
        Counted \(Glossary.link(.sentBytes)) of a batch, mean over executions; pale: \
        \(Glossary.link(.paddedSentBytes)). Counts are exact and the same on every machine.
        """,
      description: "Bytes sent by operation for \(Set(traffic.map { series($0.row) }).count) rows; "
        + "\(Summary.percent(padded / max(all, 1))) % of all bytes belong to padding.",
      table: summary.operationTable)
  }

  private func shareChart(_ rows: [SummaryRow]) -> Chart {
    let parts: [(String, SummaryMetric)] = [
      ("compute", .computeShare), ("communication", .communicationShare), ("idle", .idleShare),
    ]
    var values: [[String: VegaLite.Datum]] = []
    for row in rows {
      for (index, part) in parts.enumerated() {
        var datum: [String: VegaLite.Datum] = [
          "y": .text(series(row)), "c": .text(part.0), "o": .number(Double(index)),
        ]
        datum["x"] = .rounded(row[part.1])
        values.append(datum)
      }
    }
    var y = VegaLite.Channel.names("y", "", order: rows.map { series($0) })
    y.axis = VegaLite.Axis(labelLimit: 190)
    var x = VegaLite.Channel.quantity("x", "share of the ranks' time", format: ".0%")
    x.scale = VegaLite.Scale(domain: .numbers([0, 1]))
    x.stack = "zero"
    var encoding = VegaLite.Encoding(x: x, y: y)
    encoding.color = .colors("c", "time in", Palette.rankTime)
    encoding.order = VegaLite.Channel(field: "o", type: "quantitative")
    encoding.tooltip = [
      .shown("y", "layout, policy"), .shown("c", "time in"), .shown("x", "share", format: ".1%"),
    ]
    let shares = rows.compactMap { $0[.communicationShare] }
    let range = "\(Summary.percent(shares.min() ?? 0)) to \(Summary.percent(shares.max() ?? 0)) %"
    return Chart(
      id: "time-shares", title: "Where the ranks' time went",
      spec: VegaLite(
        values, height: 20 * rows.count + 6,
        [.init(name: "bars", mark: .init("bar"), encoding: encoding)]),
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
