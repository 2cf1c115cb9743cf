import Testing

@testable import Reporting

@Suite struct GlossaryTests {
  @Test("every number of a summary has a definition, under its own name")
  func complete() {
    let keys = Glossary.entries.map(\.key)
    #expect(Set(keys).count == keys.count)
    let ends = ["_lower", "_upper"]
    for metric in SummaryMetric.allCases.map(\.rawValue)
    where !ends.contains(where: metric.hasSuffix) {
      #expect(keys.contains(metric), "\(metric) has no entry in Glossary.entries")
    }
  }

  @Test("a term without an entry is shown without a link")
  func unknown() {
    #expect(Glossary.link("no-such", text: "a<b").markup == "a&lt;b")
    #expect(
      Glossary.link(.kvWaste).markup == "<a class=\"def\" href=\"#def-kv_waste\">W</a>")
  }
}
