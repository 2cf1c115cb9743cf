import Units

extension ReportData {
  /// The KV cache: what holds tokens, and what is reserved for padding.
  var memorySection: ReportSection? {
    let reserved = rows.filter { ($0[.kvReserved] ?? 0) > 0 }
    guard !reserved.isEmpty else { return nil }
    var section = ReportSection(id: "memory", title: "Memory")
    let kinds = Palette(["holds tokens": "#009E73", "holds none": "#D55E00"])
    var values: [[String: VegaLite.Datum]] = []
    for row in reserved {
      let bytes = row[.kvReserved] ?? 0
      let waste = row[.kvWaste] ?? 0
      let parts = [(kinds.names[0], bytes * (1 - waste)), (kinds.names[1], bytes * waste)]
      for (index, part) in parts.enumerated() where part.1 > 0 {
        var datum: [String: VegaLite.Datum] = [
          "y": .text(series(row)), "c": .text(part.0), "o": .number(Double(index)),
        ]
        datum["x"] = .rounded(part.1)
        values.append(datum)
      }
    }
    var y = VegaLite.Channel.names("y", "", order: reserved.map { series($0) })
    y.axis = VegaLite.Axis(labelLimit: 190)
    var x = VegaLite.Channel.quantity("x", "KV bytes per rank", format: "~s")
    x.stack = "zero"
    var encoding = VegaLite.Encoding(x: x, y: y)
    encoding.color = .colors("c", "KV", kinds)
    encoding.order = VegaLite.Channel(field: "o", type: "quantitative")
    encoding.tooltip = [
      .shown("y", "layout, policy"), .shown("c", "KV"), .shown("x", "bytes", format: ",.0f"),
    ]
    let wastes = reserved.compactMap { $0[.kvWaste] }
    let range = "\(Summary.percent(wastes.min() ?? 0)) to \(Summary.percent(wastes.max() ?? 0)) %"
    section.charts = [
      Chart(
        id: "memory", title: "KV cache of the fullest rank",
        spec: VegaLite(
          values, height: 20 * reserved.count + 6,
          [.init(name: "bars", mark: .init("bar"), encoding: encoding)]),
        caption: """
          Counted bytes: \(Glossary.link(.kvReserved)), split by \(Glossary.link(.kvWaste)), which is \
          from \(range). A cache is reserved for the largest batch of its cell.
          """,
        description: "KV cache of the fullest rank by layout and policy; waste from \(range).",
        table: ColumnTable(
          keys: [.init("layout, policy", alignment: .leading, cells: reserved.map { series($0) })],
          columns: [
            numbers("reserved", reserved, .kvReserved) { Bytes(Int($0)).description },
            numbers("W", unit: "%", reserved, .kvWaste, Summary.percent),
            numbers("weights", reserved, .weights) { Bytes(Int($0)).description },
            numbers("peak memory", reserved, .peakMemory) { Bytes(Int($0)).description },
          ]))
    ]
    return section
  }
}
