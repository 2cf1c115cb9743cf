import FoundationEssentials
import Glibc
import Records
import Studies
import TestSupport
import Testing

/// Runs of the engine's own ranks that are killed and go on. `PADTAX_KILLS` says how often (16).
@Suite(
  .serialized,
  .enabled(
    if: TestSupport.RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(TestSupport.RankLauncher.unavailableReason ?? "")"))
struct EngineKillTests {
  private static let job = """
    name: tiny
    model:
      {preset: qwen2.5-0.5b, layers: 4, hidden: 32, heads: 8, kv-heads: 4, head-dimension: 4,
       feed-forward: 64, vocabulary: 97}
    layouts: [tp1, tp2, pp2]
    policies: [right-pad, packed]
    workload: {batches: batches.json}
    output-tokens: 3
    repeats: 2

    """
  private static let variables = [
    "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
    "OMPI_MCA_mpi_yield_when_idle=1",
  ]

  private func makeFolder() throws -> TestFolder {
    let folder = try TestFolder()
    try folder.write(Self.job, "jobs/tiny.yaml")
    try folder.write(
      "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"t\","
        + "\"batches\":[{\"id\":0,\"lengths\":[5,3,9]},{\"id\":1,\"lengths\":[2,7,1]}]}",
      "jobs/batches.json")
    let program = try TestSupport.RankLauncher.executable("padtax-rank")
    try folder.program(
      "padtax-rank", "export \(Self.variables.joined(separator: " "))\nexec \(program) \"$@\"")
    return folder
  }

  private func start(
    _ arguments: [String], in folder: TestFolder, tick: (ChildProcess) -> Void = { _ in }
  ) throws -> Padtax.Result {
    try Padtax.start(arguments + ["--no-report"], in: folder, tick: tick)
  }

  private func prepare(_ folder: TestFolder, _ out: String) throws {
    let result = try start(["run", "jobs/tiny.yaml", "--out", out, "--prepare"], in: folder)
    try #require(result.code == 0, "\(result)")
  }

  /// Whom a SIGKILL reaches.
  private enum Victim: CaseIterable { case padtax, launcher, all, oneRank }

  private func kill(_ child: ChildProcess, _ victim: Victim) {
    let launchers = Self.children(child.identifier)
    let ranks = launchers.flatMap(Self.children)
    switch victim {
    case .padtax: Glibc.kill(child.identifier, SIGKILL)
    case .launcher: for one in [child.identifier] + launchers { Glibc.kill(one, SIGKILL) }
    case .all: for one in [child.identifier] + launchers + ranks { Glibc.kill(one, SIGKILL) }
    case .oneRank: if let rank = ranks.randomElement() { Glibc.kill(rank, SIGKILL) }
    }
  }

  private static func children(_ process: pid_t) -> [pid_t] {
    let path = "/proc/\(process)/task/\(process)/children"
    let text = FileManager.default.contents(atPath: path) ?? Data()
    return String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
  }

  /// What a run's cells hold but for times and memory.
  private func records(_ folder: TestFolder, _ out: String) throws -> [String: [String]] {
    var records: [String: [String]] = [:]
    for name in folder.names(out + "/cells") {
      let cell = RunDirectory(path: folder.path + "/" + out).cell(name)
      #expect(cell.state() == .done, "\(name)")
      let batches = try JSONLines.read(BatchRecord.self, path: cell.batches).map { record in
        var record = record
        (record.batchTTFTSeconds, record.totalSeconds, record.oversubscribed) = (0, 0, false)
        record.padding = record.padding.mapValues { share in
          var share = share
          share.seconds = 0
          return share
        }
        return try JSONText.line(record)
      }
      let ranks = try JSONLines.read(RankRecord.self, path: cell.node(0)).map { record in
        var record = record
        (record.wallSeconds, record.computeSeconds, record.communicationSeconds) = (0, 0, 0)
        (record.idleSeconds, record.peakMemoryBytes) = (0, 0)
        for index in record.traffic.indices {
          record.traffic[index].seconds = 0
          record.traffic[index].communicationSeconds = nil
        }
        return try JSONText.line(record)
      }
      records[name] = batches + ranks.sorted()
    }
    return records
  }

  @Test("killed at random moments, a run of real ranks goes on to exactly the undisturbed records")
  func kills() throws {
    let folder = try makeFolder()
    let begin = MonotonicTime.now()
    try prepare(folder, "whole")
    let undisturbed = try start(["run", "--resume", "whole"], in: folder)
    try #require(undisturbed.code == 0, "\(undisturbed)")
    let seconds = MonotonicTime.now() - begin
    let whole = try records(folder, "whole")
    #expect(whole.count == 3 && whole.values.allSatisfy { $0.count >= 12 })

    let wanted = ProcessInfo.processInfo.environment["PADTAX_KILLS"].flatMap(Int.init) ?? 16
    let resume = ["run", "--resume", "out", "--retry-errors"]
    var random = SystemRandomNumberGenerator()
    try prepare(folder, "out")
    var kills = 0
    while kills < wanted {
      let delay = Double.random(in: 0..<seconds, using: &random)
      let victim = Victim.allCases.randomElement(using: &random) ?? .all
      let start = MonotonicTime.now()
      var killed = false
      let result = try self.start(resume, in: folder) { child in
        guard !killed, MonotonicTime.now() - start > delay else { return }
        killed = true
        kill(child, victim)
      }
      if killed { kills += 1 }
      guard result.code == 0 else { continue }
      #expect(try records(folder, "out") == whole, "after \(kills) kills")
      try FileManager.default.removeItem(atPath: folder.path + "/out")
      try prepare(folder, "out")
    }
    // Ranks whose padtax was killed may go on for a while.
    var last = try start(resume, in: folder)
    for _ in 0..<5 where last.code != 0 { last = try start(resume, in: folder) }
    #expect(last.code == 0, "\(last)")
    #expect(try records(folder, "out") == whole)
  }
}
