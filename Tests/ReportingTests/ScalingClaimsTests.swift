import Records
import Reporting
import Testing

@Suite struct ScalingClaimsTests {
  private func cell(_ layout: String, ttft: Double, step: Double) -> CellContents {
    var record = Fixture.batch("packed", ttft: ttft, total: ttft + 4 * step, outputs: 10)
    record.layout = layout
    record.longestOutput = 5
    var provenance = Fixture.provenance()
    provenance.layout = layout
    var cell = Fixture.cell([record], provenance: provenance)
    cell.name = layout
    return cell
  }

  private func verdicts(_ cells: [CellContents]) -> String {
    let summary = Summary(
      RunContents(identifier: "r", run: nil, job: nil, cells: cells, warnings: []))
    return summary.text(width: 200)
  }

  @Test("a chain that goes the claimed way supports its claim, one that turns does not")
  func chains() {
    let text = verdicts([
      cell("tp2", ttft: 4, step: 2), cell("tp4", ttft: 3, step: 1),
      cell("tp8", ttft: 3.5, step: 1.5),
      cell("pp2", ttft: 1, step: 1), cell("pp4", ttft: 2, step: 3), cell("pp8", ttft: 5, step: 2),
    ])
    #expect(
      text.contains("TTFT improves from TP2 to TP4 inside a node: supported (TTFT tp4/tp2 0.750)"))
    #expect(text.contains("TPOT degrades at TP8 across nodes: supported (TPOT tp8/tp4 1.50)"))
    #expect(text.contains("TTFT can still improve at TP8 across nodes: not supported"))
    #expect(text.contains("PP latency grows with depth (TTFT): supported (TTFT pp8/pp2 5.00)"))
    #expect(text.contains("PP latency grows with depth (TPOT): not supported (TPOT pp8/pp2 2.00)"))
    #expect(
      text.contains(
        "of 4 ranks, which sends less than TP: not testable, the run lacks one of pp4, tp2pp2"))
  }

  @Test("runs without such chains say nothing about them")
  func silent() {
    #expect(!verdicts([cell("tp2", ttft: 4, step: 2)]).contains("PUBLISHED CLAIMS"))
  }

  @Test("time per output token is that of equal outputs alone")
  func tpot() {
    var record = Fixture.batch("packed", ttft: 1, total: 3, outputs: 10)
    #expect(Metrics.tpotMilliseconds(record) == nil)
    record.longestOutput = 5
    #expect(Metrics.tpotMilliseconds(record) == 500)
    record.longestOutput = 6
    #expect(Metrics.tpotMilliseconds(record) == nil)
  }
}
