import Records

/// A part of the report that stands on its own: heading, words, charts, tables.
struct ReportSection: Sendable {
  /// Its anchor.
  var id: String
  var title: String
  /// What the reader sees before the charts.
  var lead: HTML = ""
  var charts: [Chart] = []
  /// Tables and notes after the charts.
  var body: HTML = ""

  /// Makes the section from the data, or nothing where the data has nothing for it.
  typealias Maker = @Sendable (ReportData) -> ReportSection?

  /// Every section in the order of the page. To add one, write its maker in a file of its own under
  /// `Sections/` and name it here.
  static let all: [Maker] = [
    { $0.servingSection }, { $0.taxSection }, { $0.gridSection }, { $0.budgetSection },
    { $0.efficiencySection }, { $0.spreadSection }, { $0.throughputSection },
    { $0.communicationSection }, { $0.memorySection }, { $0.energySection },
    { $0.rankTimeSection }, { $0.predictionSection }, { $0.findingsSection }, { $0.claimsSection },
    { $0.provenanceSection }, { $0.glossarySection },
  ]

  func html() throws(RecordError) -> HTML {
    var figures: HTML = ""
    for chart in charts { figures += try chart.html() }
    return """
      <section id="\(id)" aria-labelledby="\(id)-title">
      <h2 id="\(id)-title">\(title)</h2>
      \(lead)
      <div class="charts">
      \(figures)</div>
      \(body)</section>

      """
  }
}
