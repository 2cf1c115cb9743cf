import Units
import Workloads

extension ReportData {
  /// Heat maps of pad ratio × spread, and who wins where.
  var gridSection: ReportSection? {
    let grid = summary.grid.filter { $0.row[.batchTTFT] != nil }
    guard grid.count > 1, Set(grid.map(\.target)).count > 1 else { return nil }
    var section = ReportSection(id: "grid", title: "Pad ratio and spread")
    section.lead = """
      <p>Batches made to have a given \(Glossary.link(.padRatio)) and spread of lengths \
      (\(Glossary.link("cov_pad", text: "cov_pad")) or \(Glossary.link("cov_len", text: "cov_len"))). \
      The winner maps show the layout with the shortest time; maps of one quantity share one colour \
      scale within a run.</p>
      """
    section.charts = winnerCharts + heatCharts(grid)
    var tables: HTML = ""
    for (title, table) in summary.gridTables { tables += HTML(table, caption: title) }
    section.body = "<details><summary>Numbers of these maps</summary>\(tables)</details>"
    return section
  }

  // MARK: Winners

  private var winnerCharts: [Chart] {
    guard layouts.names.count > 1 else { return [] }
    let winners = GridWinner.all(summary.grid)
    let groups = Self.unique(winners.map { $0.group })
    return groups.enumerated().compactMap { index, group in
      let part = winners.filter { $0.group == group }
      guard let first = part.first, part.contains(where: { $0.lead != nil }) else { return nil }
      let values = part.map { winner -> [String: VegaLite.Datum] in
        var datum = Self.place(winner.target)
        datum["c"] = .text(winner.layout)
        datum["v"] = .rounded(winner.seconds * 1e3)
        datum["t"] = .text(winner.lead.map { "by \(Summary.percent($0)) %" } ?? "")
        return datum
      }
      var encoding = Self.mapEncoding(part.map(\.target))
      encoding.color = .colors(
        "c", "fastest layout", layouts.only(Self.unique(part.map(\.layout))))
      encoding.tooltip = [
        .shown("p", "pad ratio"), .shown("s", "spread"), .shown("c", "fastest"),
        .shown("v", "TTFT, ms", format: ".4~g"), .shown("t", "ahead of the next"),
      ]
      var text = Self.mapEncoding(part.map(\.target))
      text.text = VegaLite.Channel(field: "t", type: "nominal")
      text.color = .fixed("#000000")
      let counts = Self.unique(part.map(\.layout)).map { name in
        "\(name) \(part.filter { $0.layout == name }.count)"
      }
      return Chart(
        id: "winner-\(index + 1)",
        title: "Fastest layout: \(first.policy), \(first.origin)\(runWords(first.run))"
          + (first.variation.isEmpty ? "" : ", \(first.variation)"),
        spec: VegaLite(
          values, height: Self.mapHeight(part.map(\.target)),
          [
            .init(name: "cells", mark: .init("rect"), encoding: encoding),
            .init(name: "value", mark: Self.mapText, encoding: text),
          ]),
        caption: """
          \(first.origin.capitalizedFirst) \(Glossary.link("origin", text: "times")). Layout with the \
          shortest \(Glossary.link(.batchTTFT)), and by how much the next one is slower. Wins: \
          \(counts.joined(separator: ", ")).
          """,
        description: "Fastest layout by pad ratio and spread with \(first.policy). Wins: "
          + counts.joined(separator: ", ") + ".",
        table: nil)
    }
  }

  // MARK: Values

  /// A map per layout and policy: of the padding tax where packed ran, else of TTFT.
  private func heatCharts(_ grid: [GridRow]) -> [Chart] {
    let hasTax = Set(grid.filter { $0.row[.taxTTFT] != nil }.map(\.row.run))
    var charts: [Chart] = []
    for key in Self.unique(grid.map { "\($0.row.run)\u{0}\(series($0.row))" }) {
      let part = grid.filter { "\($0.row.run)\u{0}\(series($0.row))" == key }
      guard let row = part.first?.row else { continue }
      let metric: SummaryMetric = hasTax.contains(row.run) ? .taxTTFT : .batchTTFT
      let cells = part.filter { $0.row[metric] != nil }
      guard !cells.isEmpty else { continue }
      let all = grid.filter { $0.row.run == row.run }.compactMap { $0.row[metric] }
      charts.append(heatChart("map-\(charts.count + 1)", cells, row, metric, all))
    }
    return charts
  }

  private func heatChart(
    _ id: String, _ cells: [GridRow], _ row: SummaryRow, _ metric: SummaryMetric, _ all: [Double]
  ) -> Chart {
    let isTax = metric == .taxTTFT
    let scale = isTax ? 100.0 : 1e3
    let low = (all.min() ?? 0) * scale
    let high = (all.max() ?? 1) * scale
    let unit = isTax ? "%" : "ms"
    let values = cells.map { cell -> [String: VegaLite.Datum] in
      var datum = Self.place(cell.target)
      let value = (cell.row[metric] ?? 0) * scale
      datum["v"] = .rounded(value)
      datum["t"] = .text(isTax ? value.fixed(0) : value.significant(3))
      datum["n"] = .number(Double(cell.row.executions))
      return datum
    }
    let name = isTax ? "padding tax" : "TTFT"
    var encoding = Self.mapEncoding(cells.map(\.target))
    encoding.color = VegaLite.Channel(field: "v", type: "quantitative", title: "\(name), \(unit)")
    encoding.color?.scale = VegaLite.Scale(domain: .numbers([low, high]), scheme: "cividis")
    encoding.color?.legend = VegaLite.Legend(
      orient: "top", direction: "horizontal", gradientLength: 150)
    encoding.tooltip = [
      .shown("p", "pad ratio"), .shown("s", "spread"),
      .shown("v", "\(name), \(unit)", format: ".4~g"), .shown("n", "n"),
    ]
    var text = Self.mapEncoding(cells.map(\.target))
    text.text = VegaLite.Channel(field: "t", type: "nominal")
    text.color = .fixed("#000000")
    text.color?.condition = VegaLite.Condition(
      test: "datum.v < \(((low + high) / 2).significant(6))", value: "#ffffff")
    let values2 = cells.compactMap { $0.row[metric] }.map { $0 * scale }
    let range =
      "\((values2.min() ?? 0).significant(3)) to \((values2.max() ?? 0).significant(3)) \(unit)"
    return Chart(
      id: id, title: "\(name.capitalizedFirst): \(series(row))\(runWords(row.run))",
      spec: VegaLite(
        values, height: Self.mapHeight(cells.map(\.target)),
        [
          .init(name: "cells", mark: .init("rect"), encoding: encoding),
          .init(name: "value", mark: Self.mapText, encoding: text),
        ]),
      caption: """
        \(provenance(cells.map(\.row), "times")) \(Glossary.link(metric)) in \(unit), median; from \(range).
        """,
      description: "\(name) by pad ratio and spread, \(series(row)): from \(range).", table: nil)
  }

  // MARK: Both

  private func runWords(_ run: String) -> String {
    Set(summary.grid.map(\.row.run)).count > 1 ? ", \(run)" : ""
  }

  private static func place(_ target: PaddingPair) -> [String: VegaLite.Datum] {
    ["p": .text(target.padRatio.fixed(2)), "s": .text(target.spread.value.fixed(2))]
  }

  private static func mapEncoding(_ targets: [PaddingPair]) -> VegaLite.Encoding {
    let ratios = Set(targets.map(\.padRatio)).sorted(by: >).map { $0.fixed(2) }
    let spreads = Set(targets.map(\.spread.value)).sorted().map { $0.fixed(2) }
    let measures = Self.unique(targets.map(\.spread.measure.rawValue)).joined(separator: ", ")
    var x = VegaLite.Channel.names("s", "spread (\(measures))", order: spreads)
    x.axis = VegaLite.Axis(labelAngle: 0)
    return VegaLite.Encoding(x: x, y: .names("p", "pad ratio p", order: ratios))
  }

  private static func mapHeight(_ targets: [PaddingPair]) -> Int {
    max(90, 34 * Set(targets.map(\.padRatio)).count)
  }

  private static var mapText: VegaLite.Mark {
    var text = VegaLite.Mark("text")
    text.fontSize = 11
    return text
  }
}

extension GridWinner {
  /// What winners of one map have in common.
  fileprivate var group: String { [run, variation, origin, policy].joined(separator: "\u{0}") }
}
