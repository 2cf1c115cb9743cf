import Units

extension ReportData {
  /// The figures that are compared: title, unit, name. Means, since a median jumps where a few
  /// requests change their place in a queue.
  private static let figures = [
    ("TTFT", "ms", "mean_ttft_ms"), ("TPOT", "ms", "mean_tpot_ms"),
    ("output", "tok/s", "output_throughput"),
  ]

  /// Requests that were served, and what the simulator says of the same ones.
  var servingPredictions: [Prediction<ServingRow>] {
    Self.predictions(ServingTables(summary).rows, origin: \.run.origin, isSameWork: isSameWork)
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

  func table(_ predictions: [Prediction<ServingRow>]) -> ColumnTable {
    func column(
      _ title: String, _ unit: String, _ metric: String,
      _ row: (Prediction<ServingRow>) -> ServingRow
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
            Self.errorColumn(predictions) { $0[metric] },
          ]
        })
  }

  func errors(_ predictions: [Prediction<ServingRow>]) -> String {
    Self.figures.compactMap { title, _, metric in
      Self.meanError(of: title, predictions) { $0[metric] }
    }.joined(separator: ", ")
  }
}
