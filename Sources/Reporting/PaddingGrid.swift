import Records
import Units
import Workloads

/// Numbers of one layout and policy on the batches that were made to have one padding.
public struct GridRow: Codable, Sendable, Hashable {
  public var target: PaddingPair
  /// Means over the executions, of the batches padded to their longest prompt.
  public var achievedPadRatio: Double
  public var achievedSpread: Double?
  public var row: SummaryRow

  enum CodingKeys: String, CodingKey {
    case target
    case achievedPadRatio = "achieved_pad_ratio"
    case achievedSpread = "achieved_spread"
    case row
  }
}

extension CellContents {
  /// Pairs of pad ratio and spread that batches of the cell were made to have, in order.
  var targets: [PaddingPair] {
    Set(batches.compactMap { $0.batchPadding?.target }).sorted()
  }

  /// The cell's rows for each of its targets.
  func grid(expected: [String], seed: UInt64) -> [GridRow] {
    targets.flatMap { target in
      var part = self
      part.batches = batches.filter { $0.batchPadding?.target == target }
      part.ranks = ranks.of(batches: Set(part.batches.map(\.batch)))
      let paddings = part.batches.compactMap(\.batchPadding)
      func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
      }
      return part.byOrigin.flatMap { origin, cell in
        CellAggregation(cell: cell, origin: origin, seed: seed).rows(expected: expected)
      }.map {
        GridRow(
          target: target, achievedPadRatio: mean(paddings.map(\.padRatio)) ?? 0,
          achievedSpread: mean(paddings.compactMap(\.targetedSpread)), row: $0)
      }
    }
  }
}

extension PaddingPair: Comparable {
  public static func < (a: Self, b: Self) -> Bool {
    (a.spread.measure.rawValue, a.padRatio, a.spread.value)
      < (b.spread.measure.rawValue, b.padRatio, b.spread.value)
  }
}

extension Summary {
  /// Tables of one metric each: a line per layout, policy and pad ratio, a column per spread.
  /// Metrics that no cell of the grid has are left out.
  var gridTables: [(title: String, table: ColumnTable)] {
    let tables: [(String, SummaryMetric, @Sendable (Double) -> String)] = [
      ("TTFT BY PAD RATIO AND SPREAD, ms", .batchTTFT, { ($0 * 1e3).significant(4) }),
      ("PADDING TAX ON TTFT BY PAD RATIO AND SPREAD, %", .taxTTFT, Self.percent),
      ("PACKING EFFICIENCY BY PAD RATIO AND SPREAD", .packingEfficiency, { $0.fixed(2) }),
    ]
    return tables.compactMap { title, metric, format in
      grid.contains { $0.row[metric] != nil } ? (title, gridTable(metric, format)) : nil
    }
  }

  private func gridTable(
    _ metric: SummaryMetric, _ format: (Double) -> String
  ) -> ColumnTable {
    struct Line: Hashable {
      var key: RowKey
      var measure: PaddingSpread.Measure
      var padRatio: Double
    }
    var lines: [Line] = []
    var values: [Line: [Double: Double]] = [:]
    for entry in grid {
      guard let value = entry.row[metric] else { continue }
      let line = Line(
        key: RowKey(entry.row), measure: entry.target.spread.measure,
        padRatio: entry.target.padRatio)
      if values[line] == nil { lines.append(line) }
      values[line, default: [:]][entry.target.spread.value] = value
    }
    // Lines of one layout and policy stay together, in the order of the rows.
    let order = Dictionary(
      rows.enumerated().map { (RowKey($0.element), $0.offset) }, uniquingKeysWith: { a, _ in a })
    lines.sort {
      (order[$0.key] ?? 0, $0.measure.rawValue, $0.padRatio)
        < (order[$1.key] ?? 0, $1.measure.rawValue, $1.padRatio)
    }
    let spreads = Set(values.values.flatMap(\.keys)).sorted()
    return ColumnTable(
      keys: keyColumns(lines.map(\.key)) + [
        .init("p", cells: lines.map { $0.padRatio.fixed(2) })
      ],
      columns: spreads.map { spread in
        .init(
          spread.fixed(2), unit: lines.first?.measure.rawValue ?? "",
          cells: lines.map { values[$0]?[spread].map(format) ?? ColumnTable.blank })
      })
  }
}
