extension ReportData {
  /// Published claims about scaling held against the run.
  var claimsSection: ReportSection? {
    let verdicts = summary.scalingVerdicts
    guard !verdicts.isEmpty else { return nil }
    let lines = verdicts.map { verdict -> HTML in "<li>\(verdict)</li>\n" }
    return ReportSection(
      id: "claims", title: "Published claims about scaling",
      lead: """
        <p>What \(ScalingClaim.source) says about shapes, tested on this run: a chain of layouts along \
        which a number falls or grows.</p>
        <ul>\(lines)</ul>
        """,
      body: HTML(
        summary.scalingTable,
        caption: "Last layout of each chain over the first; ! where the claim does not hold"))
  }
}
