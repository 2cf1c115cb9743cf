import FoundationEssentials
import Records
import TestSupport
import Testing

@testable import Simulation

@Suite struct SimulationCommandTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func padtax(_ arguments: String...) throws -> ProcessOutput {
    try runProcess([try RankLauncher.executable("padtax")] + arguments)
  }

  private func job(_ lines: String) throws -> String {
    try folder.write(
      """
      name: small
      model: {preset: qwen2.5-7b}
      layouts: [tp1, pp2]
      policies: [right-pad, packed]
      output-tokens: 4
      workload: {generate: "uniform:10-60", batch-size: 8, batches-taken: 2}
      \(lines)

      """, to: "job.yaml")
  }

  /// Records of all cells, in order of their names.
  private func records(_ run: String) throws -> [String] {
    let cells = try FileManager.default.contentsOfDirectory(atPath: run + "/cells").sorted()
    return try cells.flatMap { cell in
      try ["batches.jsonl", "ranks/node-00000.jsonl"].map {
        try String(contentsOfFile: "\(run)/cells/\(cell)/\($0)", encoding: .utf8)
      }
    }
  }

  @Test func `two simulations of a job have the same records, and a report`() throws {
    let job = try job("hardware: [h100, mi325x]\naxes:\n  output-tokens: [4, 9]")
    for (run, threads) in [("a", "1"), ("b", "2")] {
      let output = try padtax(
        "simulate", job, "--out", folder.file(run), "--threads", threads)
      #expect(output.exitCode == 0, "\(output.summary)")
      #expect(output.standardOutput.contains("modelled"))
    }
    let first = try records(folder.file("a"))
    #expect(first.count == 2 * 2 * 2 * 2)
    #expect(try records(folder.file("b")) == first)
    let report = try padtax("report", folder.file("a"))
    #expect(report.exitCode == 0 && report.standardOutput.contains("hardware=mi325x"))
  }

  @Test func `requests over time have the same records on one thread and two, and a report`() throws
  {
    let job = try folder.write(
      """
      name: served
      model: {preset: qwen2.5-7b}
      layouts: [tp2, pp2, dp2]
      hardware: h100
      serving:
        systems: [static, in-flight+prefix-cache]
        arrivals: ["poisson:50", "closed:3"]
        max-batch-size: 8
        max-num-tokens: 256
        max-sequence-length: 128
        requests:
          count: 30
          mix:
            - {name: a, prompt: "uniform:20-60", output: "uniform:2-20", shared-prefix: 16}

      """, to: "served.yaml")
    for (run, threads) in [("c", "1"), ("d", "2")] {
      let output = try padtax("simulate", job, "--out", folder.file(run), "--threads", threads)
      #expect(output.exitCode == 0, "\(output.summary)")
      // One scheduler feeds one replica.
      #expect(output.standardError.contains("layout dp2 has 2 replicas"))
      #expect(output.standardOutput.contains("in-flight+prefix-cache"), "\(output.summary)")
    }
    let files = ["requests.jsonl", "iterations.jsonl", "serving.jsonl"]
    for cell in try FileManager.default.contentsOfDirectory(atPath: folder.file("c/cells"))
    where FileManager.default.fileExists(atPath: folder.file("c/cells/\(cell)/done")) {
      for file in files {
        let path = "cells/\(cell)/\(file)"
        let first = try String(contentsOfFile: folder.file("c/\(path)"), encoding: .utf8)
        #expect(first.contains("\"modelled\""))
        #expect(
          try String(contentsOfFile: folder.file("d/\(path)"), encoding: .utf8) == first)
      }
    }
  }

  @Test func `a pool without a block for each sequence is refused with its numbers`() throws {
    let job = try folder.write(
      """
      name: served
      model: {preset: qwen2.5-32b}
      layouts: [tp2]
      hardware: a100-40gb
      serving:
        systems: [in-flight]
        arrivals: ["at-once"]
        max-batch-size: 8
        max-num-tokens: 2048
        max-sequence-length: 128
        max-tokens-in-paged-kv-cache: 64
        requests: {count: 3, mix: [{name: a, prompt: "fixed:20", output: "fixed:2"}]}

      """, to: "served.yaml")
    let output = try padtax("simulate", job, "--out", folder.file("run"), "--no-report")
    #expect(output.exitCode == 2)
    #expect(output.standardError.contains("fewer than max_batch_size, 8"), "\(output.summary)")
  }

  @Test func `loads and levels in multiples are of what the priced ranks serve`() throws {
    let job = try folder.write(
      """
      name: served
      model: {preset: qwen2.5-7b}
      layouts: [tp2]
      hardware: h100
      serving:
        systems: [in-flight]
        arrivals: ["poisson:0.5x"]
        calibrate: true
        slo: ttft:3x
        max-batch-size: 8
        max-num-tokens: 256
        max-sequence-length: 128
        requests: {count: 30, mix: [{name: a, prompt: "uniform:20-60", output: "uniform:2-20"}]}

      """, to: "served.yaml")
    let output = try padtax("simulate", job, "--out", folder.file("run"), "--no-report")
    #expect(output.exitCode == 0, "\(output.summary)")
    let cells = try FileManager.default.contentsOfDirectory(atPath: folder.file("run/cells"))
    let path = folder.file("run/cells/\(try #require(cells.first))/serving.jsonl")
    let line = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")[0]
    let record = try JSONDecoder().decode(ServingRecord.self, from: Data(line.utf8))
    let units = try #require(record.calibration)
    #expect(record.run.load == "poisson:0.5x" && record.offeredRate == units.requestRate * 0.5)
    let alone = try #require(units.ttftMilliseconds)
    let level = try #require(record.levels.limits.first)
    #expect(abs(level.milliseconds / alone - 3) < 1e-3, "\(record.levels) of \(alone) ms")
  }

  @Test func `closed loops are judged row by row`() throws {
    let header = ServingTable.columns.joined(separator: ",")
    func row(_ users: Int, _ ttft: String) -> String {
      "Qwen/Qwen2.5-7B,h100_sxm,200,4,2.0,1.0,\(users),\(ttft),10"
    }
    for (rows, code) in [
      // Twice the same: what fits one fits the other.
      ([row(2, "20"), row(2, "20")], Int32(0)), ([row(2, "20"), row(2, "2000")], 3),
      ([row(2, "20"), row(2, "-1")], 2),
    ] {
      let table = try folder.write(([header] + rows).joined(separator: "\n"), to: "s.csv")
      let output = try padtax("validate", "--serving", table, "--hardware", "h100")
      #expect(output.exitCode == code, "\(output.summary)")
      #expect(output.standardOutput.contains("TTFT"))
      if code == 2 { #expect(output.standardOutput.contains("s.csv:3: column silicon_ttft_ms")) }
    }
  }

  @Test func `advice for arrivals ranks systems`() throws {
    let output = try padtax(
      "advise", "--model", "qwen2.5-7b", "--hardware", "h100", "--devices", "2", "--prompt",
      "100,300", "--generate", "8", "--arrivals", "poisson:20", "--requests", "20",
      "--systems", "in-flight static")
    #expect(output.exitCode == 0, "\(output.summary)")
    #expect(output.standardOutput.contains("* tp2 in-flight"), "\(output.summary)")
    #expect(output.standardOutput.contains("dp2 static"), "\(output.summary)")
  }

  @Test func `a job without hardware is told which there is`() throws {
    let output = try padtax("simulate", try job("seed: 1"), "--out", folder.file("run"))
    #expect(output.exitCode == 2)
    #expect(output.standardError.contains("hardware: is missing"))
    #expect(output.standardError.contains("mi355x"))
  }

  @Test func `cells that do not fit stand beside those that do`() throws {
    let job = try job("hardware: h100")
    let some = try padtax(
      "simulate", job, "--out", folder.file("some"), "--set", "memory-reserve=0.85")
    #expect(some.exitCode == 0, "\(some.summary)")
    #expect(some.standardError.contains("does not fit: stage 0 needs"))
    let none = try padtax(
      "simulate", job, "--out", folder.file("none"), "--set", "memory-reserve=0.95", "--no-report")
    #expect(none.exitCode == 2)
  }

  @Test func `memory says what does not fit and what would`() throws {
    let output = try padtax(
      "memory", "--model", "qwen2.5-32b", "--layout", "tp2", "--hardware", "a100-40gb",
      "--prompt", "512", "--batch", "100000")
    #expect(output.exitCode == 2)
    #expect(output.standardError.contains("the largest batch that fits has"))
  }

  @Test func `a table with rows that are not known ends with code 2, a wrong one with 3`() throws {
    let header = ParallelismTable.header
    let good = "A,llama-3.1-70b,mi325x,fp8,4,1,,,,heads_per_gpu,,16,heads,0,exact"
    for (row, code) in [
      (good, Int32(0)), (good.replacing(",16,", with: ",15,"), 3),
      (good.replacing("heads_per_gpu", with: "hands"), 2), (good.replacing(",16,", with: ",,"), 2),
    ] {
      let table = try folder.write("\(header)\n\(row)\n", to: "t.csv")
      let output = try padtax("validate", "--paper", "2603.05692", "--table", table)
      #expect(output.exitCode == code, "\(output.summary)")
    }
  }

  @Test func `advice names the first choice and why others lose`() throws {
    let output = try padtax(
      "advise", "--model", "qwen2.5-32b", "--hardware", "h100", "--devices", "2", "--prompt",
      "300,900", "--generate", "20")
    #expect(output.exitCode == 0, "\(output.summary)")
    #expect(output.standardOutput.contains("* tp2 packed"))
    #expect(output.standardOutput.contains("lost: tp2 right-pad"))
    #expect(output.standardOutput.contains("links 4.00 times as fast"))
  }
}
