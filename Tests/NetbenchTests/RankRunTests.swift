import FoundationEssentials
import Netbench
import Records
import TestSupport
import Testing

/// `padtax-rank netbench` under mpirun, with a few bytes.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct RankRunTests {
  private func run(_ ranks: Int, _ arguments: [String]) throws -> ProcessOutput {
    try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("padtax-rank"), ["netbench"] + arguments,
      timeLimit: 60)
  }

  private func measured(_ ranks: Int, _ arguments: [String]) throws -> NetbenchReport {
    let folder = try TemporaryDirectory()
    let output = try run(ranks, arguments + ["--out", folder.file("report.json")])
    try #require(output.exitCode == 0, "\(output.summary)")
    let data = try #require(FileManager.default.contents(atPath: folder.file("report.json")))
    return try JSONText.decode(
      NetbenchReport.self, from: String(decoding: data, as: UTF8.self), source: "report")
  }

  @Test("two ranks: every operation and size, each timed on the ranks that hold a clock")
  func twoRanks() throws {
    let report = try measured(2, ["--max-bytes", "1K", "--factor", "128", "--repeats", "3"])
    #expect(report.results.count == 12)
    for operation in MeasuredOperation.allCases {
      let rows = report.results.filter { $0.operation == operation }
      #expect(rows.map(\.size) == [8, 1024], "\(operation)")
      for (variant, _, slices) in rows.flatMap(\.variants) {
        #expect(slices.ranks.map(\.rank) == (operation == .pingPong ? [0] : [0, 1]))
        #expect(slices.median > 0 || operation.isRooted, "\(operation) \(variant)")
      }
      #expect(rows.allSatisfy { $0.variants.map(\.0) == operation.variants })
    }
    #expect(report.hosts == 1 && report.config.devices.map(\.rank) == [0, 1])
    #expect(report.outOfBounds.count == 0)
    let measured = report.results.filter { $0.operation == .allReduce }.flatMap(\.variants)
    for (_, figures, _) in measured {
      #expect(figures.busBandwidth == figures.algorithmBandwidth)
    }
  }

  @Test("for the program that launched them, ranks count operations and sizes as they go")
  func progress() throws {
    let output = try run(
      2,
      [
        "--max-bytes", "64", "--factor", "8", "--repeats", "1", "--operations",
        "ping-pong,all-reduce", "--report-line", "--no-table",
      ])
    let lines = try output.standardOutput.split(separator: "\n")
      .filter { $0.hasPrefix(ProgressLine.prefix) }
      .map {
        try JSONText.decode(
          ProgressLine.self, from: $0.dropFirst(ProgressLine.prefix.count), source: "line")
      }
    // Two sizes of two operations, and the beginning of each operation.
    #expect(lines.map(\.done) == [0, 1, 2, 2, 3, 4], "\(output.summary)")
    #expect(lines.allSatisfy { $0.total == 4 && $0.stage == "netbench" })
    #expect(lines.last?.policy?.hasPrefix("all-reduce on ") == true)
  }

  @Test("four ranks of a layout: its groups side by side, sizes rounded to blocks")
  func layout() throws {
    let report = try measured(
      4, ["--layout", "tp2pp2", "--max-bytes", "8", "--repeats", "2"])
    #expect(
      report.config.groups.map(\.name) == ["stages 0-1", "one node", "tensor", "world"])
    let tensor = try #require(
      report.results.first { $0.communicator == "tensor" && $0.operation == .allReduce })
    #expect(tensor.inPlaceSlices?.ranks.map(\.rank) == [0, 1, 2, 3] && tensor.ranks == 2)
    let stages = try #require(report.results.first { $0.communicator == "stages 0-1" })
    #expect(stages.outOfPlaceSlices?.ranks.map(\.rank) == [0, 1])
    let gathered = try #require(
      report.results.first { $0.communicator == "world" && $0.operation == .allGather })
    #expect(gathered.size == 16 && gathered.count == 1)
  }

  @Test(
    "one spoilt element is found, on any operation: code 3 and a line that names it",
    arguments: MeasuredOperation.allCases)
  func spoilt(operation: MeasuredOperation) throws {
    // Of a gather only the root has data to spoil.
    let rank = operation == .gather ? 0 : 1
    let output = try run(
      2, ["--max-bytes", "8", "--repeats", "1", "--spoil", "\(operation.rawValue):8:\(rank)"])
    #expect(output.exitCode == 3, "\(output.summary)")
    let errors = output.standardError.split(separator: "\n").filter { $0.hasPrefix("padtax:") }
    #expect(errors.count == 1)
    let line = errors.first ?? ""
    for text in ["rank \(rank), \(operation.rawValue) on ", "8 bytes", "1 wrong element", "wanted"]
    {
      #expect(line.contains(text), "\(line)")
    }
  }

  @Test("a rank that is stopped ends the launch, and the others say where they wait")
  func stopped() async throws {
    let folder = try TemporaryDirectory()
    let report = folder.file("never.json")
    async let launch = Task.detached {
      try self.run(
        2,
        [
          "--max-bytes", "64K", "--min-bytes", "64K", "--operations", "all-reduce", "--repeats",
          "100000", "--step-limit", "1", "--out", report,
        ])
    }.value
    let stopped = await RankLauncher.stopLastRank("padtax-rank", with: report)
    let output = try await launch
    #expect(stopped && output.exitCode == 1 && !output.timedOut, "\(output.summary)")
    for text in [
      "all-reduce on ", "65536 bytes", "slice ", "in all-reduce on its group",
      "padtax: error: netbench: stalled: ", "no word from rank ",
    ] {
      #expect(output.standardError.contains(text), "\(text): \(output.summary)")
    }
  }

  @Test("a layout that needs other ranks is refused with code 2")
  func wrongRanks() throws {
    let output = try run(2, ["--layout", "tp2pp2"])
    #expect(output.exitCode == 2)
    #expect(output.standardError.contains("layout tp2pp2 needs 4 ranks; this launch has 2"))
  }
}
