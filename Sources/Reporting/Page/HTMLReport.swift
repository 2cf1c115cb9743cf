import Records

/// The report of one run or of several as one file that needs no other.
public struct HTMLReport: Sendable {
  private let data: ReportData
  private let sections: [ReportSection]

  /// - Parameters:
  ///   - summary: of one run, or of several joined.
  ///   - runs: what the run directories hold; may be empty, then what rows do not say is left out.
  public init(_ summary: Summary, runs: [RunContents] = []) {
    data = ReportData(summary, runs: runs)
    sections = ReportSection.all.compactMap { [data] in $0(data) }
  }

  /// Charts as (name, Vega-Lite specification), in the order of the page.
  public func specifications() throws(RecordError) -> [(name: String, json: String)] {
    var all: [(name: String, json: String)] = []
    for chart in sections.flatMap(\.charts) {
      all.append((chart.id, try JSONText.line(chart.spec)))
    }
    return all
  }

  /// The Python program that renders specifications; its arguments are a folder and names.
  public static var renderingProgram: String {
    String(decoding: PackageResources.render_charts_py, as: UTF8.self)
  }

  /// The page. Without the bundle it has its tables and says how to get the charts.
  public func page(bundle: VegaBundle?) throws(RecordError) -> String {
    let summary = data.summary
    let answer = Answer(summary)
    var body: HTML = ""
    for section in sections { body += try section.html() }
    let links = sections.map { section -> HTML in
      "<li><a href=\"#\(section.id)\">\(section.title)</a></li>\n"
    }
    let style = HTML(trusted: String(decoding: PackageResources.report_css, as: UTF8.self))
    let page: HTML = """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
      style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <meta name="generator" content="padtax">
      <link rel="icon" href="data:,">
      <title>\(summary.job): what padding costs</title>
      <style>
      \(style)</style>
      </head>
      <body>
      <a class="skip" href="#main">Skip to the answer</a>
      <header>
      <p class="kicker">padtax · what padding costs</p>
      <h1>\(summary.question.isEmpty ? summary.job : summary.question)</h1>
      <p class="facts">\(facts)</p>
      </header>
      <nav aria-label="Sections"><ul>
      <li><a href="#answer">Answer</a></li>
      \(links)</ul></nav>
      <main id="main">
      \(audit)\(answerHTML(answer))
      \(warnings)
      \(bundle == nil ? Self.missingBundle : "")
      \(body)</main>
      <footer><p>Made by padtax from the records of \(summary.run). One file, no network.</p></footer>
      \(bundle.map(Self.scripts) ?? "")
      </body>
      </html>

      """
    return page.markup
  }

  private var facts: HTML {
    let summary = data.summary
    var parts: [HTML] = [
      "job \(summary.job)", "run \(summary.run)",
      "\(Glossary.link("origin", text: summary.origin)) times", "\(summary.machine)",
    ]
    if let pretended = summary.pretended { parts.append("virtual clock: \(pretended)") }
    if let model = summary.model { parts.insert("\(model.name), weights \(model.weights)", at: 2) }
    return parts.joined(separator: " · ")
  }

  private func answerHTML(_ answer: Answer) -> HTML {
    let sentences = answer.sentences.map { sentence -> HTML in "<p>\(sentence.html)</p>\n" }
    let caveats = answer.caveats.map { caveat -> HTML in "<p class=\"caveat\">\(caveat)</p>\n" }
    return """
      <section id="answer" aria-labelledby="answer-title">
      <h2 id="answer-title">The answer</h2>
      <div class="answer">\(sentences)\(caveats)</div>
      \(tiles(answer))
      <p class="note">\(brackets(answer))Underlined words lead to their definitions.</p>
      </section>
      """
  }

  private func brackets(_ answer: Answer) -> HTML {
    answer.rows.isEmpty
      ? "" : "In brackets: 95 % \(Glossary.link("interval", text: "interval")). "
  }

  private func tiles(_ answer: Answer) -> HTML {
    guard !answer.tiles.isEmpty else { return "" }
    let boxes = answer.tiles.map { tile -> HTML in
      """
      <li><span class="value">\(tile.value)</span>
      <span class="name">\(Glossary.link(tile.term, text: tile.name))</span>
      <span class="who">\(tile.condition)</span></li>

      """
    }
    return "<ul class=\"tiles\">\(boxes)</ul>"
  }

  private var audit: HTML {
    Self.warnings(data.summary.audit, id: "audit", title: "Missing or inconsistent")
  }

  private var warnings: HTML {
    Self.warnings(
      data.summary.otherWarnings, id: "warnings", title: "Before you believe a number")
  }

  private static func warnings(_ warnings: [String], id: String, title: String) -> HTML {
    guard !warnings.isEmpty else { return "" }
    func list(_ part: ArraySlice<String>) -> HTML {
      let lines = part.map { text -> HTML in "<li>\(text)</li>\n" }
      return "<ul class=\"warnings\">\(lines)</ul>"
    }
    let rest = warnings.dropFirst(5)
    let more: HTML =
      rest.isEmpty ? "" : "<details><summary>\(rest.count) more</summary>\(list(rest))</details>"
    return """
      <section id="\(id)" aria-labelledby="\(id)-title">
      <h2 id="\(id)-title">\(title)</h2>
      \(list(warnings.prefix(5)))\(more)</section>
      """
  }

  private static let missingBundle: HTML = """
    <p class="warnings" id="no-charts">This copy has tables only: the charts need Vega, which was not \
    there when it was written. <code>scripts/fetch-vega</code> makes it, <code>padtax report</code> then \
    writes the file anew (docs/REPORT.md).</p>
    """

  private static func scripts(_ bundle: VegaBundle) -> HTML {
    let code = HTML(trusted: String(decoding: PackageResources.report_js, as: UTF8.self))
    return """
      <script>\(HTML(trusted: bundle.script))</script>
      <script>
      \(code)</script>
      """
  }
}
