import Records
import Units

/// What a report is made of: the summary, and the records behind it for what rows do not hold.
struct ReportData: Sendable {
  let summary: Summary
  let runs: [RunContents]
  /// Rows that have times, in the summary's order.
  let rows: [SummaryRow]
  let policies: Palette
  let layouts: Palette
  private let names: RowNames

  init(_ summary: Summary, runs: [RunContents]) {
    self.summary = summary
    self.runs = runs
    rows = summary.rows.filter { $0[.batchTTFT] != nil }
    policies = Palette(Self.unique(rows.map(\.policy)), known: Palette.knownPolicies)
    layouts = Palette(Self.unique(rows.map(\.layout)))
    names = RowNames(rows)
  }

  /// Layout of a row as charts name it, with `*` where its times are not to be trusted.
  func place(_ row: SummaryRow) -> String { names.place(row) + (row.isDistrusted ? "*" : "") }

  /// Layout and policy of a row.
  func series(_ row: SummaryRow) -> String { "\(place(row)) · \(row.policy)" }

  /// Counted executions behind a row.
  func batches(_ row: SummaryRow) -> [BatchRecord] {
    cell(row)?.batches.filter {
      $0.policy == row.policy && $0.origin == row.origin && !$0.warmup
    } ?? []
  }

  /// What the ranks did in them.
  func ranks(_ row: SummaryRow) -> [RankTotals.Rank] {
    cell(row)?.ranks.totals.ranks.filter {
      $0.key.policy == row.policy && $0.key.origin == row.origin
    } ?? []
  }

  /// Whether two ranks of a row's cell compute on one GPU.
  func sharesGPU(_ row: SummaryRow) -> Bool {
    cell(row)?.provenance?.ranks.contains { $0.gpu?.isShared == true } ?? false
  }

  /// Name of the model that a row's cell ran; nil where its provenance does not tell.
  func model(_ row: SummaryRow) -> String? { cell(row)?.provenance?.model.name }

  /// Name of the model that the first cell of a name ran.
  func model(cell name: String) -> String? {
    runs.lazy.flatMap(\.cells).first { $0.name == name }?.provenance?.model.name
  }

  private func cell(_ row: SummaryRow) -> CellContents? {
    runs.first { $0.identifier == row.run }?.cells.first { $0.name == row.cell }
  }

  /// How a caption begins: where the numbers of these rows come from, and of how many executions.
  /// - Parameter what: plural, such as `times`.
  func provenance(_ rows: [SummaryRow], _ what: String) -> HTML {
    let origins = Self.unique(rows.map(\.origin.rawValue)).joined(separator: " and ")
    let counts = rows.map(\.executions)
    let low = counts.min() ?? 0
    let high = counts.max() ?? 0
    let n = low == high ? "\(low)" : "\(low) to \(high)"
    return """
      \(origins.capitalizedFirst) \(Glossary.link("origin", text: what)), \(summary.clock) clock, \
      \(Glossary.link("n", text: "n")) = \(n) each.
      """
  }

  static func unique(_ names: [String]) -> [String] {
    var seen: Set<String> = []
    return names.filter { seen.insert($0).inserted }
  }
}

extension String {
  var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
