import Records
import Units

extension ReportData {
  /// Claims about padding and parallelism held against each run; nothing where none could be tested
  /// on what was executed.
  var findingsSection: ReportSection? {
    let all = runs.map(Findings.init).filter { found in
      found.findings.contains { $0.origin != "modelled" && !$0.cases.isEmpty }
    }
    guard !all.isEmpty else { return nil }
    var section = ReportSection(id: "findings", title: "Findings")
    section.lead = """
      <p>What is said about padding and parallelism, each claim with its test. Effects are medians over \
      pairs with a bootstrap 95 % \(Glossary.link("interval", text: "interval")); less than \
      \((FindingEvidence.band * 100).fixed(0)) % makes no claim true. Each verdict stands alone: of \
      many, some are wrong by chance. Layouts with more ranks than cores are left out.</p>
      """
    for found in all {
      if all.count > 1 { section.body += "<h3>\(found.run)</h3>\n" }
      let tested = found.findings.filter { !$0.cases.isEmpty }
      for finding in tested { section.body += html(finding) }
      let others = found.findings.filter(\.cases.isEmpty).map { finding -> HTML in
        "<li>\(finding.hypothesis): \(finding.missing).</li>\n"
      }
      guard !others.isEmpty else { continue }
      section.body += """
        <details><summary>\(others.count) not testable here</summary>
        <ul>\(others)</ul></details>

        """
    }
    return section
  }

  private func html(_ finding: Finding) -> HTML {
    let cases = finding.cases
    let table = ColumnTable(
      keys: [.init("condition", alignment: .leading, cells: cases.map(\.condition))],
      columns: [
        .init("effect", alignment: .leading, cells: cases.map(\.effect)),
        .init("n", cells: cases.map { $0.pairs > 0 ? "\($0.pairs)" : ColumnTable.blank }),
        .init("verdict", alignment: .leading, cells: cases.map(\.verdict.rawValue)),
      ])
    let decided = cases.count { $0.verdict != .undecided }
    return """
      <div class="finding"><h3>\(finding.hypothesis.capitalizedFirst): \
      <strong>\(finding.verdict.rawValue)</strong></h3>
      <p class="note">\(finding.origin.capitalizedFirst); \(decided) of \(cases.count) conditions decide. \
      Test: \(finding.test).</p>
      <details\(cases.count <= 4 ? " open" : "")><summary>Conditions</summary>
      \(HTML(table, caption: finding.id))</details></div>

      """
  }
}
