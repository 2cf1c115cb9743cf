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

  private func serving(
    _ name: String, _ origin: Origin, ttft: Double, blocks: Int = 64, model: String = "m"
  ) -> RunContents {
    var record = ServingRecord(
      run: ServingRun(
        cell: name, layout: "tp1", system: "static", load: "poisson:4", repeatIndex: 0,
        origin: origin, oversubscribed: false),
      ranks: 1, levels: ServiceLevels())
    (record.windowRequests, record.blockCount) = (10, blocks)
    record.metrics = ["mean_ttft_ms": ttft, "output_throughput": 50]
    var provenance = Fixture.provenance()
    provenance.model.name = model
    var cell = CellContents(
      name: name, state: .done, provenance: provenance,
      verifications: [Fixture.verification("static")], batches: [], ranks: [])
    cell.serving = [record]
    return RunContents(identifier: name, run: nil, job: nil, cells: [cell], warnings: [])
  }

  @Test("requests that were served stand beside the same ones priced, a table without a chart")
  func served() throws {
    let ran = serving("a", .measured, ttft: 200)
    let found = try #require(section(ran, serving("b", .modelled, ttft: 230)))
    #expect(found.body.markup.contains("mean absolute error of TTFT 15.0 %, median 15.0 %"))
    #expect(found.body.markup.contains("mean absolute error of output 0.0 %"))
    #expect(found.body.markup.contains(">+15.0<") && found.charts.isEmpty)
    #expect(section(ran, serving("b", .modelled, ttft: 230, blocks: 32)) == nil)
    #expect(section(ran, serving("b", .modelled, ttft: 230, model: "n")) == nil)
    #expect(section(ran, serving("b", .measured, ttft: 230)) == nil)
  }
}
