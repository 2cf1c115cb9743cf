import Records
import Statistics
import Units

extension ReportData {
  /// A row and what the simulator says of the same work.
  struct Prediction<Row> {
    let row: Row
    let modelled: Row

    /// Modelled over found, less one; nil where one of them has no such figure.
    func error(_ figure: (Row) -> Double?) -> Double? {
      guard let found = figure(row), found > 0, let modelled = figure(modelled) else { return nil }
      return modelled / found - 1
    }
  }

  /// Every row that ran or was imported, with each modelled one of the same work.
  static func predictions<Row>(
    _ rows: [Row], origin: (Row) -> Origin, isSameWork: (Row, Row) -> Bool
  ) -> [Prediction<Row>] {
    let modelled = rows.filter { origin($0) == .modelled }
    guard !modelled.isEmpty else { return [] }
    return rows.filter { origin($0) != .modelled }.flatMap { row in
      modelled.filter { isSameWork($0, row) }.map { Prediction(row: row, modelled: $0) }
    }
  }

  static func errorColumn<Row>(
    _ predictions: [Prediction<Row>], _ figure: (Row) -> Double?
  ) -> ColumnTable.Column {
    .init(
      "error", unit: "%",
      cells: predictions.map { $0.error(figure)?.signedPercent(1) ?? ColumnTable.blank })
  }

  /// `mean absolute error of TTFT 3.1 %, median 2.0 %`; nil without errors.
  static func meanError<Row>(
    of name: String, _ predictions: [Prediction<Row>], _ figure: (Row) -> Double?
  ) -> String? {
    guard let sizes = try? Sample(predictions.compactMap { $0.error(figure) }.map(abs)) else {
      return nil
    }
    return "mean absolute error of \(name) \((sizes.mean * 100).fixed(1)) %, median "
      + "\((sizes.median * 100).fixed(1)) %"
  }

  /// Modelled times against those of the same plans that ran or were imported; nothing where the
  /// report has no such pair.
  var predictionSection: ReportSection? {
    let predictions = Self.predictions(rows, origin: \.origin, isSameWork: isSameWork)
    let served = servingPredictions
    guard !predictions.isEmpty || !served.isEmpty else { return nil }
    var section = ReportSection(id: "prediction", title: "Predicted against measured")
    section.lead = """
      <p>What the simulator says of plans that also ran: same model, layout, policy and slots, or \
      layout, load, system and limits. The error is modelled over found, less one; a device of \
      another kind than the ranks' own is no error of the simulator.</p>
      """
    if !predictions.isEmpty {
      section.charts = [errorChart(predictions)]
      section.body = HTML(
        table(predictions), caption: "Modelled and found, medians; \(errors(predictions))")
    }
    if !served.isEmpty {
      section.body += HTML(
        table(served),
        caption: "Served and modelled, means over the requests in the window; \(errors(served))")
    }
    return section
  }

  /// Whether two rows executed the same plans of the same model, as far as their slots tell.
  private func isSameWork(_ one: SummaryRow, _ other: SummaryRow) -> Bool {
    guard one.layout == other.layout, one.policy == other.policy,
      one.variation == other.variation, model(one) == model(other)
    else { return false }
    return [SummaryMetric.inputTokens, .prefillSlots, .decodeSlots].allSatisfy {
      one[$0] == other[$0]
    }
  }

  private func errorChart(_ predictions: [Prediction<SummaryRow>]) -> Chart {
    let bars = predictions.compactMap { prediction in
      prediction.error { $0[.batchTTFT] }.map {
        Bar(row: prediction.row, value: $0 * 100, label: $0.signedPercent(1))
      }
    }
    let title = "Error of the modelled time to first token"
    return Chart(
      id: "prediction", title: "\(title), %", spec: barSpec(bars, title: "%", format: "~s"),
      caption: """
        Modelled against \(provenance(predictions.map(\.row), "times")) Bars: modelled \
        \(Glossary.link(.batchTTFT)) over that of the row, less one.
        """,
      description: barDescription("\(title) in %", bars), table: nil)
  }

  private func table(_ predictions: [Prediction<SummaryRow>]) -> ColumnTable {
    func milliseconds(
      _ title: String, _ metric: SummaryMetric, _ row: (Prediction<SummaryRow>) -> SummaryRow
    ) -> ColumnTable.Column {
      numbers(title, unit: "ms", predictions.map(row), metric) { ($0 * 1e3).significant(4) }
    }
    func error(_ metric: SummaryMetric) -> ColumnTable.Column {
      Self.errorColumn(predictions) { $0[metric] }
    }
    return ColumnTable(
      keys: [
        .init("layout", alignment: .leading, cells: predictions.map { place($0.row) }),
        .init("policy", alignment: .leading, cells: predictions.map(\.row.policy)),
      ],
      columns: [
        .init("n", cells: predictions.map { "\($0.row.executions)" }, definition: "n"),
        milliseconds("TTFT", .batchTTFT, \.row),
        milliseconds("modelled", .batchTTFT, \.modelled), error(.batchTTFT),
        milliseconds("total", .total, \.row), milliseconds("modelled", .total, \.modelled),
        error(.total),
      ])
  }

  /// Mean absolute error of each time, in words.
  private func errors(_ predictions: [Prediction<SummaryRow>]) -> String {
    [("TTFT", SummaryMetric.batchTTFT), ("total", .total)].compactMap { name, metric in
      Self.meanError(of: name, predictions) { $0[metric] }
    }.joined(separator: ", ")
  }
}
