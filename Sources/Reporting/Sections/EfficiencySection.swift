import Units

extension ReportData {
  /// Packing's measured speed-up against what FLOPs allow.
  var efficiencySection: ReportSection? {
    // Points of the grid where there is one: they say more than their median.
    let grid = summary.grid.map(\.row).filter { $0[.idealPackingSpeedup] != nil }
    let points = (grid.isEmpty ? rows : grid).filter {
      $0[.idealPackingSpeedup] != nil && $0[.packingSpeedup] != nil && $0.isPadded
    }
    guard !points.isEmpty else { return nil }
    var section = ReportSection(id: "efficiency", title: "Packing against the ideal")
    section.lead = """
      <p>What packing gained over each padded policy, against what the exact FLOP counts say it could \
      gain. On the line all of it was reached; below it, the work that packing saved was cheaper than \
      average; far above it, something other than packing differs.</p>
      """
    section.charts = [efficiencyChart(points)]
    return section
  }

  private func efficiencyChart(_ points: [SummaryRow]) -> Chart {
    let values = points.map { row -> [String: VegaLite.Datum] in
      var datum: [String: VegaLite.Datum] = [
        "c": .text(row.policy), "l": .text(place(row)), "n": .number(Double(row.executions)),
      ]
      datum["x"] = .rounded(row[.idealPackingSpeedup])
      datum["y"] = .rounded(row[.packingSpeedup])
      datum["e"] = .rounded(row[.packingEfficiency])
      return datum
    }
    let ideals = points.compactMap { $0[.idealPackingSpeedup] } + [1]
    let measured = points.compactMap { $0[.packingSpeedup] } + [1]
    let x = speedups("x", "ideal speed-up (FLOPs)", ideals)
    let y = speedups("y", "measured speed-up", measured)
    var encoding = VegaLite.Encoding(x: x, y: y)
    let shown = policies.only(points.map(\.policy))
    let places = Self.unique(points.map { place($0) })
    // Nine policies and more have no colours of their own.
    if shown.names.count <= Palette.okabeIto.count {
      encoding.color = .colors("c", "policy", shown)
      encoding.shape = .names("l", "layout", order: places)
      encoding.shape?.legend = VegaLite.Legend(orient: "top", direction: "horizontal", columns: 3)
    } else {
      encoding.color = .colors("l", "layout", Palette(places))
    }
    encoding.tooltip = [
      .shown("l", "layout"), .shown("c", "policy"), .shown("x", "ideal", format: ".2f"),
      .shown("y", "measured", format: ".2f"), .shown("e", "efficiency", format: ".2f"),
      .shown("n", "n"),
    ]
    var point = VegaLite.Mark("point")
    point.size = 70
    point.filled = true
    point.opacity = 0.85
    var line = VegaLite.Mark("line")
    line.strokeDash = [5, 4]
    line.strokeWidth = 1.2
    line.clip = true
    let ends = [(ideals + measured).min() ?? 1, (ideals + measured).max() ?? 1]
    let diagonal = VegaLite.Values(
      values: [ends[0] / 1.2, ends[1] * 1.2].map { value in
        ["x": VegaLite.Datum.number(value), "y": .number(value)]
      })
    let efficiencies = points.compactMap { $0[.packingEfficiency] }
    let range = "\((efficiencies.min() ?? 0).fixed(2)) to \((efficiencies.max() ?? 0).fixed(2))"
    return Chart(
      id: "efficiency", title: "Speed-up of packing: measured against ideal",
      spec: VegaLite(
        values, height: 320,
        [
          .init(
            name: "ink", data: diagonal, mark: line, encoding: VegaLite.Encoding(x: x, y: y)),
          .init(name: "points", mark: point, encoding: encoding),
        ]),
      caption: """
        \(provenance(points, "times")) Each point: median \(Glossary.link(.packingSpeedup)) over \
        \(Glossary.link(.idealPackingSpeedup)), counted. Dashed: all of the ideal reached. \
        \(Glossary.link(.packingEfficiency)) from \(range).
        """,
      description: "\(points.count) points, measured speed-up of packing over ideal speed-up; "
        + "packing efficiency from \(range).",
      table: ColumnTable(
        keys: [
          .init("layout", alignment: .leading, cells: points.map { place($0) }),
          .init("policy", alignment: .leading, cells: points.map(\.policy)),
        ],
        columns: [
          numbers("ideal", points, .idealPackingSpeedup) { $0.fixed(2) },
          numbers("measured", points, .packingSpeedup) { $0.fixed(2) },
          numbers("efficiency", points, .packingEfficiency) { $0.fixed(2) },
          .init("n", cells: points.map { "\($0.executions)" }, definition: "n"),
        ]))
  }

  /// Ratios on a logarithmic axis: twice as fast and half as fast are equally far from one.
  private func speedups(_ field: String, _ title: String, _ values: [Double]) -> VegaLite.Channel {
    let low = (values.min() ?? 1) / 1.08
    let high = (values.max() ?? 1) * 1.08
    var channel = VegaLite.Channel.quantity(field, title, format: ".2~f", domain: [low, high])
    channel.scale?.type = "log"
    return channel
  }

  /// A column of one metric.
  func numbers(
    _ title: String, unit: String = "", _ rows: [SummaryRow], _ metric: SummaryMetric,
    _ format: (Double) -> String
  ) -> ColumnTable.Column {
    .init(
      title, unit: unit, cells: rows.map { $0[metric].map(format) ?? ColumnTable.blank },
      definition: metric.rawValue)
  }
}
