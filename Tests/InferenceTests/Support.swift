import FoundationEssentials
import Glibc
import Records
import TestSupport
import Testing

/// Folders with checkpoints and expected answers: the package's own, and the shared ones.
enum GoldenFolders {
  static let own = ["qwen3-tiny", "mistral-tiny", "llama3-tiny"].map {
    SharedData.packageFolder + "/Tests/Golden/" + $0
  }
  static let shared = [
    "qwen2-untied", "qwen2-untied-sharded", "qwen2-untied-bf16", "qwen2-untied-f16", "qwen2-tied",
    "llama", "llama3-rope",
  ].compactMap { SharedData.path("golden/" + $0) }
}

/// Launches `engine-checks` and `padtax-rank`.
enum Ranks {
  static func checks(
    _ ranks: Int, _ arguments: [String], timeLimit: Double = 180
  ) throws -> ProcessOutput {
    try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("engine-checks"), arguments, timeLimit: timeLimit)
  }

  /// Runs a job of a folder with `padtax-rank`, into the folder's `out`.
  static func run(
    _ ranks: Int, job: String, layout: String, out: String, _ more: [String] = [],
    timeLimit: Double = 60
  ) throws -> ProcessOutput {
    try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("padtax-rank"),
      [job, "--layout", layout, "--out", out, "--progress", "none"] + more, timeLimit: timeLimit)
  }

  static func verify(_ ranks: Int, _ arguments: [String], timeLimit: Double = 120) throws
    -> ProcessOutput
  {
    try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("padtax-rank"), ["verify"] + arguments,
      timeLimit: timeLimit)
  }
}

extension ProcessOutput {
  /// Lines that padtax itself wrote about an error; mpirun adds its own.
  var errors: [Substring] {
    standardError.split(separator: "\n").filter { $0.hasPrefix("padtax: error:") }
  }

  /// All checks of a launch passed, and there were at least so many.
  func allPassed(atLeast count: Int) -> Bool {
    let lines = standardOutput.split(separator: "\n")
    return exitCode == 0 && !lines.contains { $0.hasPrefix("FAIL") }
      && lines.contains { $0.hasPrefix("engine-checks on") && $0.hasSuffix(" 0 failed") }
      && lines.count { $0.hasPrefix("ok - ") } >= count
  }
}

/// A folder with a small job: 4 layers, hidden 32, 8 query and 4 KV heads of 4, vocabulary 97.
struct JobFolder {
  let folder: TemporaryDirectory
  var job: String { folder.file("job.yaml") }
  var out: String { folder.file("out") }

  /// - Parameters:
  ///   - batches: per batch prompt and output lengths.
  ///   - model: replaces the lines of the model.
  ///   - more: further lines at the top level.
  init(
    batches: [(prompts: [Int], outputs: [Int])] = [([5, 1, 9, 3], [4, 1, 2, 6])],
    model: [String]? = nil, more: [String] = []
  ) throws {
    folder = try TemporaryDirectory()
    let entries = batches.enumerated().map { index, batch in
      "{\"id\":\(index),\"lengths\":\(batch.prompts),\"outputs\":\(batch.outputs)}"
    }
    try folder.write(
      "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"test\",\"batches\":["
        + entries.joined(separator: ",") + "]}", to: "batches.json")
    let model =
      model ?? [
        "preset: qwen2.5-0.5b", "layers: 4", "hidden: 32", "heads: 8", "kv-heads: 4",
        "head-dimension: 4", "feed-forward: 44", "vocabulary: 97", "max-positions: 64",
      ]
    let lines =
      ["name: test", "model:"] + model.map { "  " + $0 } + [
        "layouts: [tp1]", "policies: [right-pad, left-pad, packed]", "workload:",
        "  batches: batches.json", "warm-up: 1", "repeats: 2",
      ] + more
    try folder.write(lines.joined(separator: "\n") + "\n", to: "job.yaml")
  }

  func cell(_ layout: String) -> CellDirectory { RunDirectory(path: out).cell(layout) }

  func records<R: Record>(_ type: R.Type, _ path: String) throws -> [R] {
    try JSONLines.read(type, path: path)
  }

  /// All records of one rank.
  func records(rank: Int, _ layout: String) throws -> [RankRecord] {
    try records(RankRecord.self, cell(layout).node(0)).filter { $0.rank == rank }
  }

  /// Records of all ranks that count, rank by rank.
  func rankRecords(_ layout: String, ranks: Int) throws -> [RankRecord] {
    try (0..<ranks).flatMap { try records(rank: $0, layout) }.filter { !$0.warmup }
  }

  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
}

extension JobFolder {
  /// Runs a layout of two ranks that would measure for ever; once it has written more than ten
  /// batches, `act` gets the second rank's process.
  func runEndlessly(
    _ layout: String, act: (pid_t) -> Void
  ) async throws -> ProcessOutput {
    let (job, out, cell) = (job, out, cell(layout))
    async let launch = Task.detached {
      try Ranks.run(
        2, job: job, layout: layout, out: out, ["--set", "repeats=100000"], timeLimit: 180)
    }.value
    for _ in 0..<1600 {
      try await Task.sleep(for: .milliseconds(50))
      guard exists(cell.batches), try records(BatchRecord.self, cell.batches).count > 10,
        let text = try? String(contentsOfFile: cell.provenance, encoding: .utf8)
      else { continue }
      let facts = try JSONText.decode(Provenance.self, from: text, source: "provenance")
      act(pid_t(facts.ranks[1].process))
      break
    }
    return try await launch
  }
}
