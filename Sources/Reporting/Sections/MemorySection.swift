import Units

extension ReportData {
  /// The KV cache: what holds tokens, and what is reserved for padding.
  var memorySection: ReportSection? {
    let reserved = rows.filter { ($0[.kvReserved] ?? 0) > 0 }
    guard !reserved.isEmpty else { return nil }
    var section = ReportSection(id: "memory", title: "Memory")
    let kinds = Palette(["holds tokens": "#009E73", "holds none": "#D55E00"])
    let parts = reserved.flatMap { row in
      let bytes = row[.kvReserved] ?? 0
      let waste = row[.kvWaste] ?? 0
      return [bytes * (1 - waste), bytes * waste].enumerated().map { index, value in
        StackedPart(bar: series(row), part: kinds.names[index], value: value, order: index)
      }
    }
    let wastes = reserved.compactMap { $0[.kvWaste] }
    let range = "\(Summary.percent(wastes.min() ?? 0)) to \(Summary.percent(wastes.max() ?? 0)) %"
    section.charts = [
      Chart(
        id: "memory", title: "KV cache of the fullest rank",
        spec: .stackedBars(
          parts, x: .quantity("x", "KV bytes per rank", format: "~s"), kind: "KV", kinds,
          tooltip: [.shown("x", "bytes", format: ",.0f")]),
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
