import Records
import Testing

@testable import Reporting

@Suite struct PredictionSectionTests {
  private func run(
    _ name: String, _ origin: Origin, ttft: Double, prompts: Int = 4, model: String = "m"
  ) -> RunContents {
    var record = Fixture.batch("packed", ttft: ttft, total: 2 * ttft)
    record.origin = origin
    record.inputTokens = prompts
    var provenance = Fixture.provenance()
    provenance.model.name = model
    return RunContents(
      identifier: name, run: nil, job: nil, cells: [Fixture.cell([record], provenance: provenance)],
      warnings: [])
  }

  private func section(_ runs: RunContents...) -> ReportSection? {
    let summary = Summary(joining: runs.map { Summary($0) }, runs: runs)
    return ReportData(summary, runs: runs).predictionSection
  }

  @Test("a modelled time stands beside that of the same plan that ran, with its signed error")
  func pairs() throws {
    let found = try #require(
      section(run("a", .measured, ttft: 2), run("b", .modelled, ttft: 1.5)))
    #expect(found.body.markup.contains("mean absolute error of TTFT 25.0 %"))
    #expect(found.body.markup.contains(">−25.0<"), "\(found.body.markup)")
    #expect(found.charts.count == 1)
  }

  @Test("other slots, another model, and runs that both ran are no prediction")
  func others() {
    let ran = run("a", .virtual, ttft: 2)
    #expect(section(ran, run("b", .modelled, ttft: 1.5)) != nil)
    #expect(section(ran, run("b", .modelled, ttft: 1.5, prompts: 5)) == nil)
    #expect(section(ran, run("b", .modelled, ttft: 1.5, model: "n")) == nil)
    #expect(section(ran, run("b", .measured, ttft: 1.5)) == nil)
  }
}
