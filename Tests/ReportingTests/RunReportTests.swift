import FoundationEssentials
import Records
import Reporting
import Testing

@Suite struct RunReportTests {
  private func folder() throws -> String {
    let path = FileManager.default.temporaryDirectory.path + "/padtax-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOf: URL(filePath: path), encoding: .utf8)
  }

  /// A run whose second cell never began and whose first was killed while it wrote.
  private func killedRun() throws -> RunDirectory {
    let directory = RunDirectory(path: try folder())
    let run = RunRecord(
      identifier: "r9", job: "toy", arguments: ["padtax"], padtaxVersion: "0", host: "box",
      seed: 3, clock: "wall", startUTC: "2026-11-21T11:30:00Z", endUTC: nil,
      cells: ["tp2", "pp2"])
    try AtomicFile.write(JSONText.pretty(run), to: directory.run)
    let cell = directory.cell("tp2")
    try AtomicFile.createFolder(cell.ranksFolder)
    try cell.enter(.ready)
    try AtomicFile.write(JSONText.pretty(Fixture.provenance()), to: cell.provenance)
    let verified = try JSONText.line(Fixture.verification("packed")) + "\n"
    try AtomicFile.write(verified, to: cell.verification)
    let line = try JSONText.line(Fixture.batch("packed", ttft: 2, total: 4))
    try AtomicFile.write(line + "\n" + line.prefix(40), to: cell.batches)
    let rank = try JSONText.line(
      Fixture.rank("packed", "prefill", rank: 0, wall: 2, compute: 1, communication: 1))
    try AtomicFile.write(rank + "\n", to: cell.node(0))
    return directory
  }

  @Test("a killed run is read as far as it goes, with its gaps named")
  func killed() throws {
    let directory = try killedRun()
    defer { try? FileManager.default.removeItem(atPath: directory.path) }
    let report = try RunReport(directory)
    #expect(report.summary.run == "r9" && report.summary.seed == 3)
    #expect(report.summary.rows.map(\.layout) == ["tp2"])
    #expect(report.summary.rows[0][.batchTTFT] == 2)
    #expect(report.summary.rows[0].executions == 1)
    #expect(
      report.summary.warnings.contains { $0.hasSuffix("the last line is torn and was dropped") })
    #expect(report.summary.warnings.contains("pp2: did not run"))
  }

  @Test("the aggregates are written, agree with each other and read back")
  func writes() throws {
    let directory = try killedRun()
    defer { try? FileManager.default.removeItem(atPath: directory.path) }
    let report = try RunReport(directory)
    try report.write()
    try report.write()
    let json = try text(directory.summaryJSON)
    let summary = try JSONText.decode(Summary.self, from: json, source: "summary.json")
    #expect(summary == report.summary && summary.schema == "padtax/summary")
    let csv = try text(directory.summaryCSV)
    #expect(csv == report.summary.csv)
    let page = try text(directory.reportHTML)
    #expect(page.hasPrefix("<!DOCTYPE html>") && page.contains("r9"))
    let records = try text(directory.records).split(separator: "\n")
    #expect(records.count == 4)
    #expect(records.allSatisfy { $0.contains("\"schema\":\"padtax/") })
    // What was aggregated can be aggregated again: the cells are the source, not the aggregates.
    #expect(try RunReport(directory).summary == report.summary)
  }

  @Test("a folder that is no run is refused")
  func noRun() throws {
    let path = try folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(throws: RecordError.self) { try RunReport(RunDirectory(path: path)) }
    #expect(throws: RecordError.self) { try RunReport(RunDirectory(path: path + "/none")) }
  }
}

@Suite struct SummaryTextTests {
  private var summary: Summary {
    let records = ["right-pad", "left-pad", "packed"].enumerated().flatMap { index, policy in
      (0..<3).map { turn in
        Fixture.batch(
          policy, turn: turn, ttft: 3.123456 - Double(index) / 2 + Double(turn) / 100,
          total: 8.5 - Double(index))
      }
    }
    let ranks = ["right-pad", "left-pad", "packed"].map { policy in
      Fixture.rank(
        policy, "prefill", rank: 0, wall: 2, compute: 1, communication: 0.5,
        traffic: [Fixture.traffic("all-reduce", "tensor", bytes: 123_456_789, padded: 61_728_394)],
        peak: 1_234_567_890)
    }
    return Fixture.summary(Fixture.cell(records, ranks: ranks))
  }

  @Test("tables keep to the width", arguments: [60, 80, 100])
  func width(columns: Int) {
    for line in summary.text(width: columns).split(separator: "\n") {
      #expect(line.count <= columns, "\(line)")
    }
  }

  @Test("nothing is lost in a narrow table")
  func narrow() {
    func words(_ width: Int) -> Set<Substring> {
      Set(summary.text(width: width).split(whereSeparator: { $0 == " " || $0 == "\n" }))
        .filter { !$0.allSatisfy { $0 == "-" } }
    }
    #expect(words(60) == words(200))
  }

  @Test("a wide table is one block each and shows what counts")
  func wide() {
    let text = summary.text(width: 100)
    #expect(text.split(separator: "\n").count { $0.hasPrefix("layout") } == 5)
    for part in ["measured", "toy", "Test CPU", "TTFT", "tax TTFT", "MFU", "W", "comm."] {
      #expect(text.contains(part), "\(part)")
    }
    // 123,456,789 bytes over three executions.
    #expect(text.contains("39.2 MiB"))
  }
}
