import Records
import Testing

@testable import Reporting

/// Joules per real token, of made records.
@Suite struct EnergyTests {
  private func batch(
    _ policy: String, _ joules: Double?, outputs: Int = 4, warmup: Bool = false,
    layout: String = "tp2"
  ) -> BatchRecord {
    var record = Fixture.batch(policy, warmup: warmup, ttft: 2, total: 4, outputs: outputs)
    record.energyJoules = joules
    return record
  }

  private func ids(_ page: String) -> [Substring] {
    page.split(separator: " id=\"").map { $0.prefix { $0 != "\"" } }
  }

  /// 10 prompt tokens each; 4 and 30 outputs. A counter that did not move counts as 0 joules.
  private var records: [BatchRecord] {
    [
      batch("packed", 7), batch("packed", 0), batch("packed", 20, outputs: 30),
      batch("packed", 1000, warmup: true), batch("right-pad", nil), batch("right-pad", 28),
    ]
  }

  @Test func `joules are summed over what counts and divided by its real tokens`() throws {
    let summary = Fixture.summary(Fixture.cell(records))
    let packed = try #require(summary.row("tp2", "packed"))
    #expect(packed.number(.energyPerToken).isNear(27.0 / (14 + 14 + 40)))
    #expect(packed.number(.energy).isNear(9))
    // The execution that tells nothing has no tokens either.
    let padded = try #require(summary.row("tp2", "right-pad"))
    #expect(padded.number(.energyPerToken).isNear(2))
    #expect(padded.number(.energy).isNear(28))
    #expect(summary.csv.contains(",energy_j_per_token,2.0,"))
    #expect(OpenMetrics(summary).text.contains("# UNIT padtax_energy_per_token_joules joules"))
  }

  @Test
  func `the report has a section of energy where a board tells, and says where boards are shared`()
    throws
  {
    let told = Fixture.cell(records)
    let page = try HTMLReport(Fixture.summary(told), runs: [run(told)]).page(bundle: nil)
    #expect(ids(page).contains("energy") && page.contains("J/real token"))
    #expect(!page.contains("ranks share a board there"))

    var facts = Fixture.provenance()
    for index in facts.ranks.indices {
      facts.ranks[index].gpu = GPUFacts(
        name: "card", uuid: "GPU-a", driver: "", cuda: "", memoryBytes: 1, clockMHz: 0,
        memoryClockMHz: 0, throttleReasons: 0, messages: "staged", isShared: true)
    }
    let shared = Fixture.cell(records, provenance: facts)
    let noted = try HTMLReport(Fixture.summary(shared), runs: [run(shared)]).page(bundle: nil)
    #expect(noted.contains("No energy is given for tp2: ranks share a board there."))

    let silent = Fixture.cell([batch("packed", nil), batch("right-pad", nil)])
    let row = try #require(Fixture.summary(silent).row("tp2", "packed"))
    #expect(row[.energy] == nil && row[.energyPerToken] == nil)
    let plain = try HTMLReport(Fixture.summary(silent), runs: [run(silent)]).page(bundle: nil)
    #expect(!ids(plain).contains("energy"))
  }

  private func run(_ cell: CellContents) -> RunContents {
    RunContents(identifier: "r1", run: nil, job: nil, cells: [cell], warnings: [])
  }
}
