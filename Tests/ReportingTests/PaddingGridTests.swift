import Records
import Reporting
import Testing
import Workloads

@Suite struct PaddingGridTests {
  private func record(
    _ policy: String, batch: Int, ttft: Double, padRatio: Double, spread: Double
  ) -> BatchRecord {
    var record = Fixture.batch(policy, batch: batch, ttft: ttft, total: ttft + 1)
    record.batchPadding = BatchPadding(
      padRatio: padRatio + 0.01, covLength: 9, covPadding: spread - 0.02,
      target: PaddingPair(padRatio: padRatio, spread: PaddingSpread(.covPadding, spread)))
    return record
  }

  private var cell: CellContents {
    Fixture.cell([
      record("right-pad", batch: 0, ttft: 3, padRatio: 0.2, spread: 0.15),
      record("packed", batch: 0, ttft: 2, padRatio: 0.2, spread: 0.15),
      record("right-pad", batch: 1, ttft: 6, padRatio: 0.2, spread: 0.45),
      record("packed", batch: 1, ttft: 2, padRatio: 0.2, spread: 0.45),
      record("right-pad", batch: 2, ttft: 9, padRatio: 0.7, spread: 0.15),
      record("packed", batch: 2, ttft: 3, padRatio: 0.7, spread: 0.15),
    ])
  }

  @Test("each target has rows of its own batches, with what was achieved")
  func grid() throws {
    let grid = Fixture.summary(cell).grid
    #expect(grid.count == 6)
    let entry = try #require(
      grid.first { $0.target.spread.value == 0.45 && $0.row.policy == "right-pad" })
    #expect(entry.row[.batchTTFT] == 6 && entry.row[.taxTTFT] == 2 && entry.row.batches == 1)
    #expect(entry.achievedPadRatio.isNear(0.21) && entry.achievedSpread?.isNear(0.43) == true)
    let plain = Fixture.cell([Fixture.batch("packed", ttft: 1, total: 2)])
    #expect(Fixture.summary(plain).grid.isEmpty)
  }

  @Test("the text has a line per pad ratio and a column per spread")
  func text() throws {
    let text = Fixture.summary(cell).text(width: 100)
    let start = try #require(text.range(of: "PADDING TAX ON TTFT BY PAD RATIO AND SPREAD, %"))
    let lines = text[start.upperBound...].split(separator: "\n").prefix(5).map {
      $0.split(separator: " ").map(String.init)
    }
    #expect(lines[0].suffix(2) == ["0.15", "0.45"] && lines[1] == ["cov_pad", "cov_pad"])
    #expect(lines[3] == ["tp2", "right-pad", "0.20", "50.0", "200.0"])
    #expect(lines[4] == ["tp2", "right-pad", "0.70", "200.0", "-"])
  }

  @Test("imported times are shown unverified, beside a measured run's")
  func joins() throws {
    var foreign = Fixture.batch("megatron-iterative", ttft: 8, total: 9, digest: "")
    foreign.origin = .imported
    let imported = Fixture.summary(
      Fixture.cell([foreign], verifications: [], provenance: nil))
    let row = try #require(imported.rows.first)
    #expect(row.origin == .imported && !row.verified && row[.batchTTFT] == 8)
    #expect(row.answersEqual == nil)

    let joined = Summary(joining: [Fixture.summary(cell), imported])
    #expect(joined.rows.count == 3 && joined.grid.count == 6)
    let text = joined.text(width: 120)
    #expect(text.contains("measured  tp2     right-pad"))
    #expect(text.contains("imported  tp2     megatron-iterative"))
    #expect(joined.csv.contains("\nr1,") && joined.csv.contains(",imported,"))
  }

  @Test("only policies of one rectangle are suspected of too good an efficiency")
  func efficiency() {
    let cell = Fixture.cell([
      Fixture.batch("megatron-iterative", ttft: 9, total: 10),
      Fixture.batch("left-pad", ttft: 9, total: 10), Fixture.batch("packed", ttft: 1, total: 4),
    ])
    let warnings = Fixture.summary(cell).warnings.filter { $0.contains("efficiency") }
    #expect(warnings.count == 1 && warnings.first?.hasPrefix("tp2 left-pad") == true)
  }
}
