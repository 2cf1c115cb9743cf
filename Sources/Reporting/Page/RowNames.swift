/// How rows are called where words or marks stand for them: by their layout, and by what else tells
/// them apart in this report.
struct RowNames: Sendable {
  private let severalOrigins: Bool
  private let severalRuns: Bool
  private let severalVariations: Bool

  init(_ rows: [SummaryRow]) {
    severalOrigins = Set(rows.map(\.origin)).count > 1
    severalRuns =
      Set(rows.map { [$0.origin.rawValue, $0.run] }).count > Set(rows.map(\.origin)).count
    severalVariations = Set(rows.map(\.variation)).count > 1
  }

  /// Layout of a row, with its variation, origin and run where there are several.
  func place(_ row: SummaryRow) -> String {
    var words = row.layout
    if severalVariations, !row.variation.isEmpty { words += " \(row.variation)" }
    if severalOrigins { words += " (\(row.origin.rawValue))" }
    if severalRuns { words += " \(row.run)" }
    return words
  }
}
