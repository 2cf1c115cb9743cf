import FoundationEssentials
import Glibc
import Records
import TestSupport
import Testing

/// Ranks that stand still.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct WatchdogTests {
  @Test(
    "A rank that computes for ever: every rank says where it is, the cell's error names the rank")
  func endless() throws {
    let folder = try JobFolder(more: ["step-limit: 1"])
    let result = try Ranks.checks(4, ["hang", folder.job, "tp2pp2", folder.out], timeLimit: 40)
    #expect(result.exitCode == 1 && !result.timedOut, "\(result.summary)")
    let cell = folder.cell("tp2pp2")
    let text = cell.text(of: .error)
    let lines = text.split(separator: "\n").map(String.init)
    #expect(cell.state() == .error && lines.count == 5, "\(text)")
    #expect(
      lines[0].hasPrefix(
        "stalled: a step went on beyond its limit (step-limit: 1); outside MPI, while others wait: "
          + "rank 3 on "), "\(text)")
    for (rank, place) in [
      "stage 0, tensor rank 0", "stage 0, tensor rank 1", "stage 1, tensor rank 0",
    ]
    .enumerated() {
      #expect(lines[1 + rank].hasPrefix("rank \(rank) on "), "\(text)")
      #expect(lines[1 + rank].contains("(\(place), replica 0, pid "), "\(text)")
      #expect(lines[1 + rank].contains("measure, policy "), "\(text)")
    }
    // The first batch of the first policy is recorded; the hook stops the second.
    #expect(
      lines[4].contains(
        "measure, policy left-pad, batch 0, warm-up, prefill step 0, micro-batch 0"))
    #expect(lines[4].contains("; not in an MPI call for "))
    // Stage 1's other half waits in the sum of attention: 4 sequences as wide as 9, of 32 floats.
    #expect(lines[3].contains("; in all-reduce on tensor, 4608 bytes for "), "\(text)")
    #expect(
      lines[1].contains("; waiting for a message on pipeline with rank 2")
        || lines[1].contains("; in receive on pipeline with rank 2"), "\(text)")
    #expect(try folder.records(BatchRecord.self, cell.batches).count == 1)
  }

  @Test("A rank that is stopped is found by the others; it dies with the launch")
  func stopped() async throws {
    let folder = try JobFolder(more: ["output-tokens: 6", "step-limit: 1"])
    let cell = folder.cell("tp2")
    var stopped: pid_t?
    var moment = ContinuousClock.now
    let result = try await folder.runEndlessly("tp2") { second in
      stopped = second
      kill(second, SIGSTOP)
      moment = .now
    }
    let process = try #require(stopped, "\(result.summary)")
    #expect(moment.duration(to: .now) < .seconds(30))
    #expect(result.exitCode == 1 && !result.timedOut, "\(result.summary)")
    let text = cell.text(of: .error)
    #expect(text.contains("step-limit: 1); no word from rank 1 on "), "\(text)")
    #expect(text.contains("\nrank 0 on ") && !text.contains("\nrank 1 on "), "\(text)")
    #expect(try await isGone(process))
    #expect(try folder.records(rank: 0, "tp2").count >= 20)
  }

  @Test("A rank of verify that is stopped ends the launch, and the others say where they wait")
  func stoppedVerification() async throws {
    let again = Array(repeating: ["--policy", "packed"], count: 300).flatMap { $0 }
    let checkpoint = GoldenFolders.own[0]
    async let launch = Task.detached {
      try Ranks.verify(
        2, ["--checkpoint", checkpoint, "--layout", "tp2", "--step-limit", "1"] + again,
        timeLimit: 120)
    }.value
    let stopped = await RankLauncher.stopLastRank("padtax-rank", with: checkpoint)
    let moment = ContinuousClock.now
    let result = try await launch
    #expect(stopped && result.exitCode == 1 && !result.timedOut)
    #expect(moment.duration(to: .now) < .seconds(30))
    let errors = result.standardError
    #expect(errors.contains("padtax: error: verify: stalled: "), "\(errors)")
    #expect(errors.contains("verify, policy packed") && errors.contains("no word from rank "))
  }

  /// Whether a process ends within some seconds; one that nobody has waited for yet has ended.
  private func isGone(_ process: pid_t) async throws -> Bool {
    for _ in 0..<100 {
      let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
      guard let text, !text.contains(") Z ") else { return true }
      try await Task.sleep(for: .milliseconds(50))
    }
    return false
  }

  @Test("A coordinator that loads and computes its reference slowly trips nothing")
  func slowReference() throws {
    let folder = try JobFolder(more: ["step-limit: 1"])
    let result = try Ranks.checks(2, ["slow-load", folder.job, "tp2", folder.out])
    #expect(result.exitCode == 0, "\(result.summary)")
    #expect(folder.cell("tp2").state() == .done && !folder.exists(folder.cell("tp2").stalls))
  }

  @Test("SIGTERM ends a rank that is watched as it ends any other, and leaves no word of a stall")
  func terminated() async throws {
    let folder = try JobFolder()
    let cell = folder.cell("tp1")
    async let launch = Task.detached {
      try Ranks.run(
        1, job: folder.job, layout: "tp1", out: folder.out, ["--set", "repeats=100000"],
        timeLimit: 90)
    }.value
    var killed = false
    for _ in 0..<3000 where !killed {
      try await Task.sleep(for: .milliseconds(20))
      guard let text = try? String(contentsOfFile: cell.provenance, encoding: .utf8),
        let facts = try? JSONText.decode(Provenance.self, from: text, source: "provenance")
      else { continue }
      killed = kill(pid_t(facts.ranks[0].process), SIGTERM) == 0
    }
    let moment = ContinuousClock.now
    let result = try await launch
    #expect(moment.duration(to: .now) < .seconds(30))
    #expect(killed && !result.timedOut && result.exitCode != 0, "\(result.summary)")
    #expect(result.standardError.contains("signal 15"), "\(result.summary)")
    #expect(cell.state() == .ready && !folder.exists(cell.stalls))
  }
}
