extension ReportData {
  /// What every number means.
  var glossarySection: ReportSection? {
    let lines = Glossary.entries.map { entry -> HTML in
      """
      <dt id="def-\(entry.key)">\(entry.name) <code>\(entry.key)</code></dt>
      <dd>\(entry.definition)</dd>

      """
    }
    return ReportSection(
      id: "glossary", title: "Definitions", body: "<dl>\n\(lines)</dl>")
  }
}
