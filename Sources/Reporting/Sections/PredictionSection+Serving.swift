import Statistics
import Units

extension ReportData {
  /// Requests that were served, and what the simulator says of the same ones.
  struct ServingPrediction {
    let row: ServingRow
    let modelled: ServingRow

    /// Modelled over found, less one; nil where one of them has no such figure.
    func error(_ metric: String) -> Double? {
      guard let found = row[metric], found > 0, let modelled = modelled[metric] else { return nil }
      return modelled / found - 1
    }
  }

  /// The figures that are compared: title, unit, name. Means, since a median jumps where a few
  /// requests change their place in a queue.
  private static let figures = [
    ("TTFT", "ms", "mean_ttft_ms"), ("TPOT", "ms", "mean_tpot_ms"),
    ("output", "tok/s", "output_throughput"),
  ]

  var servingPredictions: [ServingPrediction] {
    let rows = ServingTables(summary).rows
    let modelled = rows.filter { $0.run.origin == .modelled }
    guard !modelled.isEmpty else { return [] }
    return rows.filter { $0.run.origin != .modelled }.flatMap { row in
      modelled.filter { isSameWork($0, row) }.map { ServingPrediction(row: row, modelled: $0) }
    }
  }

  /// Whether two rows served as many requests of the same model under the same load and limits.
  private func isSameWork(_ one: ServingRow, _ other: ServingRow) -> Bool {
    guard one.run.layout == other.run.layout, one.run.system == other.run.system,
      one.run.load == other.run.load, one.variation == other.variation,
      model(cell: one.run.cell) == model(cell: other.run.cell),
      let first = one.records.first, let second = other.records.first
    else { return false }
    return first.requests == second.requests && first.blockSize == second.blockSize
      && first.blockCount == second.blockCount && first.maxBatchSize == second.maxBatchSize
      && first.maxNumTokens == second.maxNumTokens
  }

  func table(_ predictions: [ServingPrediction]) -> ColumnTable {
    func column(
      _ title: String, _ unit: String, _ metric: String, _ row: (ServingPrediction) -> ServingRow
    ) -> ColumnTable.Column {
      .init(
        title, unit: unit,
        cells: predictions.map { row($0)[metric]?.significant(4) ?? ColumnTable.blank })
    }
    return ColumnTable(
      keys: [
        .init("layout", alignment: .leading, cells: predictions.map(\.row.place)),
        .init("load", alignment: .leading, cells: predictions.map(\.row.run.load)),
        .init("system", alignment: .leading, cells: predictions.map(\.row.run.system)),
      ],
      columns: [
        .init("n", cells: predictions.map { "\($0.row.sum(\.windowRequests))" }, definition: "n")
      ]
        + Self.figures.flatMap { title, unit, metric in
          [
            column(title, unit, metric, \.row), column("modelled", unit, metric, \.modelled),
            .init(
              "error", unit: "%",
              cells: predictions.map {
                $0.error(metric)?.signedPercent(1) ?? ColumnTable.blank
              }),
          ]
        })
  }

  func errors(_ predictions: [ServingPrediction]) -> String {
    Self.figures.compactMap { title, _, metric in
      Self.meanError(of: title, predictions.compactMap { $0.error(metric) })
    }.joined(separator: ", ")
  }

  /// `mean absolute error of TTFT 3.1 %, median 2.0 %`; nil without errors.
  static func meanError(of name: String, _ errors: [Double]) -> String? {
    guard let sizes = try? Sample(errors.map(abs)) else { return nil }
    return "mean absolute error of \(name) \((sizes.mean * 100).fixed(1)) %, median "
      + "\((sizes.median * 100).fixed(1)) %"
  }
}
