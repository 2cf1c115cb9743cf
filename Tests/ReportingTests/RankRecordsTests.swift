import FoundationEssentials
import Records
import Testing

@testable import Reporting

/// Runs on disk against the same records in memory.
@Suite struct RankRecordsTests {
  private func withFolder(_ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.path + "/padtax-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private func ranks(_ cell: String, repeats: Int = 3) -> [RankRecord] {
    (0..<repeats).flatMap { turn in
      ["right-pad", "packed"].flatMap { policy in
        (0..<4).flatMap { rank in
          ["prefill", "decode"].map { phase in
            var record = Fixture.rank(
              policy, phase, rank: rank, wall: 0.1 + 0.01 * Double(turn * 7 % 3), compute: 0.07,
              communication: 0.01 / 3,
              traffic: [
                Fixture.traffic(
                  "all-reduce", "tensor", bytes: 400 + rank, padded: 100, moving: 0.002),
                Fixture.traffic("all-reduce", "tensor", bytes: 0, moving: 0.5),
                Fixture.traffic("send", "pipeline", bytes: 0, moving: 0.001),
                Fixture.traffic("broadcast", "control", bytes: 8),
              ], peak: 100 + turn)
            record.cell = cell
            record.repeatIndex = turn
            record.warmup = turn == 0
            return record
          }
        }
      }
    }
  }

  private func cell(_ name: String) -> CellContents {
    let batches = (0..<3).flatMap { turn in
      ["right-pad", "packed"].map { policy in
        var batch = Fixture.batch(
          policy, turn: turn, warmup: turn == 0, ttft: 1.5, total: 3, crowded: false)
        batch.cell = name
        batch.layout = name
        return batch
      }
    }
    var provenance = Fixture.provenance()
    (provenance.cell, provenance.layout) = (name, name)
    return CellContents(
      name: name, state: .done, provenance: provenance,
      verifications: ["right-pad", "packed"].map {
        var record = Fixture.verification($0)
        record.cell = name
        return record
      }, batches: batches, ranks: ranks(name))
  }

  private var contents: RunContents {
    RunContents(
      identifier: "r",
      run: RunRecord(
        identifier: "r", job: "j", arguments: [], padtaxVersion: "0", host: "h", seed: 1,
        clock: "wall", startUTC: "", endUTC: nil, cells: ["tp2", "pp2"]),
      job: nil, cells: ["tp2", "pp2"].map(cell))
  }

  /// The records of a run in the order of `records.jsonl`.
  private func lines(_ contents: RunContents) throws -> [String] {
    var lines: [String] = []
    for cell in contents.cells {
      if let provenance = cell.provenance { lines.append(try JSONText.line(provenance)) }
      for record in cell.verifications { lines.append(try JSONText.line(record)) }
      for record in cell.batches { lines.append(try JSONText.line(record)) }
      for record in ranks(cell.name) { lines.append(try JSONText.line(record)) }
    }
    return lines
  }

  private func write(_ contents: RunContents, to directory: RunDirectory) throws {
    if let run = contents.run { try AtomicFile.write(JSONText.pretty(run), to: directory.run) }
    for cell in contents.cells {
      let folder = directory.cell(cell.name)
      try AtomicFile.createFolder(folder.ranksFolder)
      try folder.enter(.done)
      if let provenance = cell.provenance {
        try AtomicFile.write(JSONText.pretty(provenance), to: folder.provenance)
      }
      try AtomicFile.write(
        cell.verifications.flatMap { try JSONLinesWriter.line($0) }, to: folder.verification)
      try AtomicFile.write(
        cell.batches.flatMap { try JSONLinesWriter.line($0) }, to: folder.batches)
      let records = ranks(cell.name)
      // Two nodes: the first written by ranks, of the second every line with a blank in it.
      try AtomicFile.write(
        records.prefix(20).flatMap { try JSONLinesWriter.line($0) }, to: folder.node(0))
      let rest = try records.dropFirst(20).map {
        try JSONText.line($0).replacing("{\"batch\":", with: "{ \"batch\":") + "\n"
      }
      try AtomicFile.write(rest.joined(), to: folder.node(1))
    }
  }

  @Test(
    "a run from its files gives the summary, the page and the records that it gives from memory")
  func files() throws {
    try withFolder { path in
      let directory = RunDirectory(path: path)
      try write(contents, to: directory)
      let report = try RunReport(directory)
      let expected = Summary(contents)
      #expect(report.summary == expected)
      #expect(
        try HTMLReport(report.summary, runs: [report.contents]).page(bundle: nil)
          == HTMLReport(expected, runs: [contents]).page(bundle: nil))
      try report.write()
      let written = try String(contentsOf: URL(filePath: directory.records), encoding: .utf8)
      #expect(try written == lines(contents).joined(separator: "\n") + "\n")
      let events = try RunTrace(report.contents).events.count
      #expect(try events == RunTrace(contents).events.count)
    }
  }

  @Test("the records alone are a run too, mixed as they may be, and stay as they are")
  func gathered() throws {
    try withFolder { path in
      let directory = RunDirectory(path: path)
      // Lines of the two cells take turns.
      let all = try lines(contents)
      let mixed = zip(all.prefix(all.count / 2), all.suffix(all.count / 2)).flatMap { [$0, $1] }
      let text = mixed.joined(separator: "\n") + "\n"
      try AtomicFile.write(text, to: directory.records)
      let report = try RunReport(directory)
      #expect(report.summary.rows.map(\.metrics) == Summary(contents).rows.map(\.metrics))
      try report.write()
      #expect(try String(contentsOf: URL(filePath: directory.records), encoding: .utf8) == text)
      let comparison = try RunComparison(base: contents, new: report.contents, thresholds: [:])
      #expect(comparison.differences == [] && comparison.exactValues > 4 * 16 * 3)
    }
  }

  @Test("what memory holds does not grow with the repeats of a batch")
  func bound() {
    func count(_ repeats: Int) -> [Int] {
      let totals = RankRecords(ranks("tp2", repeats: repeats)).totals
      return [totals.ranks.count, totals.phases.count] + totals.phases.map(\.traffic.count)
    }
    // Two policies, two phases, four ranks, one batch; three operations, one of them with and without bytes.
    #expect(count(2) == [16, 4, 4, 4, 4, 4] && count(40) == count(2))
  }

  @Test("traffic is summed by operation, what moved no bytes apart")
  func traffic() throws {
    let row = try #require(Summary(contents).row("tp2", "packed"))
    let shares = try #require(row.communication)
    #expect(shares.map(\.operation) == ["all-reduce"])
    // Two executions, two phases, ranks 0 to 3, each one call: 8 calls a batch.
    #expect(shares[0].calls == 8 && shares[0].bytes == 2 * 1606 && shares[0].paddedBytes == 800)
    #expect(shares[0].communicationSeconds.isNear(8 * 0.002))
    #expect(row.number(.sentBytes) == 3212 && row.number(.peakMemory) == 102)
  }
}
