import Models
import Networks
import Records
import Units

extension ReportData {
  /// Bus bandwidth of each collective over its size, with the curves of the networks' tables; nothing
  /// where no collective has a time.
  var bandwidthChart: Chart? {
    let rows = summary.bandwidth ?? []
    guard !rows.isEmpty else { return nil }
    let operations = Palette(
      Self.unique(rows.map(\.operation)),
      known: ["all-reduce": "#0072B2", "reduce-scatter": "#E69F00", "all-gather": "#56B4E9"])
    func datum(_ row: CollectiveBandwidth, size: Double, _ value: Double) -> [String: VegaLite
      .Datum]
    {
      [
        "x": .rounded(size) ?? .number(size), "y": .rounded(value / 1e9) ?? .number(value / 1e9),
        "c": .text(row.operation),
      ]
    }
    let points = rows.map { row in
      var point = datum(row, size: row.callBytes, row.busBandwidth)
      point["l"] = .text(row.layout + (row.variation.isEmpty ? "" : " \(row.variation)"))
      point["p"] = .text("\(row.policy), \(row.phase)")
      point["t"] = .text(row.ratio.map { "\(Summary.percent($0)) %" } ?? "no table")
      return point
    }
    let lines = tableCurves(rows).flatMap { curve in
      curve.points.map { size, value in
        var point = datum(curve.row, size: size, value)
        point["g"] = .text(curve.name)
        return point
      }
    }
    var x = VegaLite.Channel.quantity("x", "bytes of a call", format: "~s", zero: false)
    x.scale?.type = "log"
    var y = VegaLite.Channel.quantity("y", "busbw, GB/s", format: "~g", zero: false)
    y.scale?.type = "log"
    var encoding = VegaLite.Encoding(x: x, y: y)
    encoding.color = .colors("c", "operation", operations)
    var pointEncoding = encoding
    pointEncoding.tooltip = [
      .shown("l", "layout"), .shown("p", "policy and phase"), .shown("c", "operation"),
      .shown("x", "bytes", format: ",.0f"), .shown("y", "GB/s", format: ".3~g"),
      .shown("t", "of the table"),
    ]
    var point = VegaLite.Mark("point")
    (point.filled, point.size, point.opacity) = (true, 60, 0.85)
    var layers: [VegaLite.Layer] = []
    if !lines.isEmpty {
      var line = VegaLite.Mark("line")
      line.strokeWidth = 1.5
      var lineEncoding = encoding
      lineEncoding.detail = VegaLite.Channel(field: "g", type: "nominal")
      layers.append(.init(data: VegaLite.Values(values: lines), mark: line, encoding: lineEncoding))
    }
    layers.append(.init(name: "points", mark: point, encoding: pointEncoding))
    let ratios = rows.compactMap(\.ratio).sorted()
    let range =
      ratios.isEmpty
      ? "no network is named to compare with"
      : "\(Summary.percent(ratios[0])) to \(Summary.percent(ratios[ratios.count - 1])) % of the tables"
    let networks = Self.unique(rows.compactMap(\.network)).joined(separator: ", ")
    let origins = Self.unique(rows.map(\.origin.rawValue)).joined(separator: " and ")
    let curves: HTML =
      lines.isEmpty
      ? " No network is named; <code>padtax report --network</code> takes a name or a file of netbench."
      : " Lines: what the table of \(networks) says for as many ranks."
    return Chart(
      id: "bus-bandwidth", title: "Bus bandwidth of collectives against the network",
      spec: VegaLite(points, height: 280, layers),
      caption: """
        \(origins.capitalizedFirst) \(Glossary.link("origin", text: "times")). A point per layout, policy, \
        phase and operation: \(Glossary.link("busbw", text: "busbw")) at the mean size of a call, waiting \
        left out; n = \(Self.counts(rows.map(\.calls))) calls each.\(curves)
        """,
      description: "Bus bandwidth of \(rows.count) collectives over the size of a call; \(range).",
      table: summary.bandwidthTable)
  }

  private static func counts(_ values: [Int]) -> String {
    let (low, high) = (values.min() ?? 0, values.max() ?? 0)
    return low == high ? "\(low)" : "\(low) to \(high)"
  }

  private struct Curve {
    var row: CollectiveBandwidth
    var name: String
    var points: [(size: Double, value: Double)]
  }

  /// One curve for each operation, number of ranks, placement and network, around the sizes there are.
  private func tableCurves(_ rows: [CollectiveBandwidth]) -> [Curve] {
    var curves: [Curve] = []
    for row in rows {
      let name = "\(row.operation) \(row.ranks) \(row.nodes) \(row.network ?? "")"
      guard !curves.contains(where: { $0.name == name }), let place = placement(row),
        let kind = CollectiveKind(rawValue: row.operation)
      else { continue }
      let sizes = rows.map(\.callBytes)
      let low = max(8, (sizes.min() ?? 8) / 4)
      let high = (sizes.max() ?? 8) * 4
      var size = low
      var points: [(Double, Double)] = []
      while size <= high {
        if let value = place.busBandwidth(kind, bytes: Int(size)) { points.append((size, value)) }
        size *= 1.5
      }
      curves.append(Curve(row: row, name: name, points: points))
    }
    return curves
  }

  private func placement(_ row: CollectiveBandwidth) -> NetworkPlacement? {
    let run = runs.first { $0.identifier == row.run }
    guard let run, let cell = run.cells.first(where: { $0.name == row.cell }),
      let layout = cell.parallelLayout
    else { return nil }
    return NetworkPlacement(cell, layout, network: run.network)
  }
}
