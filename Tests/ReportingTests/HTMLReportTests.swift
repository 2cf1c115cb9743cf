import Records
import Testing

@testable import Reporting

@Suite struct HTMLReportTests {
  private static let sections = [
    "answer", "tax", "grid", "budget", "efficiency", "spread", "throughput", "communication",
    "memory", "ranks", "provenance", "glossary",
  ]

  private static let study = StudyFixture().contents
  private static let summary = Summary(study)

  private func ids(_ page: String) -> [String] {
    page.split(separator: " id=\"").dropFirst().map { String($0.prefix { $0 != "\"" }) }
  }

  private func count(_ part: String, in page: String) -> Int {
    page.split(separator: part, omittingEmptySubsequences: false).count - 1
  }

  @Test("a full study has every section, and every link of the page leads somewhere")
  func full() throws {
    let page = try HTMLReport(Self.summary, runs: [Self.study]).page(bundle: nil)
    let ids = self.ids(page)
    #expect(Set(ids).count == ids.count, "an id stands twice")
    #expect(Self.sections.allSatisfy(ids.contains))
    let links = page.split(separator: "href=\"#").dropFirst().map { $0.prefix { $0 != "\"" } }
    #expect(links.count > 100 && links.allSatisfy { ids.contains(String($0)) })
    let charts = ids.filter { $0.hasPrefix("chart-") }
    // 2 taxes, 3 winners, 6 maps, 2 budgets, 1 efficiency, 3 spreads, 3 rates, 2 of communication,
    // 1 of memory, 3 of ranks
    #expect(charts.count == 26)
    for name in ["role=\"img\" aria-label=\"", "<figcaption>", "data-spec=\"spec-"] {
      #expect(count(name, in: page) == charts.count, "\(name)")
    }
  }

  @Test("a section is there only when the data is")
  func partial() throws {
    let summary = Fixture.summary(Fixture.cell([Fixture.batch("left-pad", ttft: 3, total: 6)]))
    let ids = self.ids(try HTMLReport(summary).page(bundle: nil))
    let there = Self.sections.filter(ids.contains)
    #expect(there == ["answer", "budget", "throughput", "provenance", "glossary"])
    let scaled = StudyFixture(
      layouts: ["tp2", "tp4"], policies: ["packed"], ratios: [0.2], spreads: [0.2], repeats: 1)
    let few = self.ids(of: scaled.summary)
    #expect(few.contains("claims") && !few.contains("grid") && !few.contains("tax"))
    let nothing = self.ids(of: Fixture.summary())
    #expect(Self.sections.filter(nothing.contains) == ["answer", "provenance", "glossary"])
  }

  private func ids(of summary: Summary) -> [String] {
    (try? HTMLReport(summary).page(bundle: nil)).map(ids) ?? []
  }

  @Test("no text of a job, a machine or a folder becomes markup, in the page or in its data")
  func hostile() throws {
    let attack = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)><!--"
    var contents = StudyFixture(layouts: ["tp1", attack], repeats: 1, identifier: attack).contents
    contents.run?.job = attack
    contents.run?.host = attack
    contents.run?.arguments = [attack]
    contents.warnings = [attack]
    contents.cells[0].provenance?.ranks[0].host = attack
    contents.cells[0].provenance?.model.name = attack
    contents.cells[0].provenance?.environment = [attack: attack]
    var summary = Summary(contents)
    summary.question = attack
    for index in summary.rows.indices where summary.rows[index].policy == "sorted" {
      summary.rows[index].policy = attack
    }
    let report = HTMLReport(summary, runs: [contents])
    let page = try report.page(bundle: VegaBundle(script: "window.vegaEmbed=1;\"</SCRIPT><!--\""))
    #expect(!page.contains("<img") && !page.contains("alert(1)</script>") && !page.contains("<!--"))
    // The data of each chart, the bundle, ours.
    let scripts = try report.specifications().count + 2
    #expect(count("<script", in: page) == scripts && count("</script>", in: page) == scripts)
    #expect(count("&lt;img src=x onerror=alert(2)&gt;", in: page) > 10)
    #expect(page.contains("\"<\\/SCRIPT><\\!--\""))
  }

  @Test("without the bundle the page says what is missing and has no script of its own")
  func noBundle() throws {
    let report = HTMLReport(Self.summary)
    let bare = try report.page(bundle: nil)
    #expect(bare.contains("id=\"no-charts\"") && bare.contains("scripts/fetch-vega"))
    #expect(!bare.contains("<script>") && bare.contains("<table>"))
    let full = try report.page(bundle: VegaBundle(script: "window.vegaEmbed = 1"))
    #expect(!full.contains("no-charts") && full.contains("window.vegaEmbed(plot"))
    // Nothing is loaded from elsewhere: no address but the schema's name, in the data.
    #expect(full.contains("content=\"default-src 'none';"))
    #expect(
      count("https:", in: full) == count("\"$schema\":\"https://vega.github.io/", in: full)
        && !full.contains("http:"))
    #expect(throws: RecordError.self) { try VegaBundle(script: "alert(1)") }
  }

  @Test("charts hold the summary's numbers")
  func numbers() throws {
    let summary = Fixture.summary(
      Fixture.cell([
        Fixture.batch("right-pad", ttft: 3, total: 6), Fixture.batch("packed", ttft: 2, total: 4),
      ]))
    let specs = try HTMLReport(summary).specifications()
    #expect(
      specs.map(\.name) == [
        "tax-ttft", "tax-total", "budget-slots", "budget-share",
        "efficiency", "ttft", "prefill", "decode",
      ])
    #expect(
      specs[0].json.contains(
        "{\"c\":\"right-pad\",\"end\":0.5,\"n\":1,\"t\":\"+50 %\",\"x\":0.5,\"y\":\"tp2\"}"))
    #expect(specs[2].json.contains("{\"c\":\"length\",\"o\":1,\"s\":0.454545,\"x\":10,"))
  }

  @Test(
    "the bundle is looked for beside the program and its project, or only where it is said to be")
  func candidates() {
    let found = VegaBundle.candidates(
      variables: [:], programFolder: "/home/x/padtax/.build/x86_64/release")
    #expect(found.first == ".build/vega/vega-bundle.js")
    #expect(found.contains("/home/x/padtax/.build/vega/vega-bundle.js"))
    let named = { VegaBundle.candidates(variables: ["PADTAX_VEGA": $0], programFolder: "/bin") }
    #expect(named("/v/b.js") == ["/v/b.js"] && named("/v") == ["/v/vega-bundle.js"])
    #expect(throws: RecordError.self) {
      try VegaBundle.find(variables: ["PADTAX_VEGA": "/no/such"], programFolder: "/bin")
    }
  }
}
