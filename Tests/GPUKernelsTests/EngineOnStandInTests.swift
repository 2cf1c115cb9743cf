import TestSupport
import Testing

/// The whole engine with its matrices in memory that the host may not touch: checkpoints are copied
/// there, messages staged, samples fetched.
@Suite(.serialized) struct EngineOnStandInTests {
  private static let noRanks = RankLauncher.unavailableReason.map {
    "mpirun cannot be started: \($0)"
  }

  @Test(
    .enabled(if: noRanks == nil, "\(noRanks ?? "")"),
    arguments: [
      ("qwen3-tiny", "tp2", 2), ("llama3-tiny", "pp2", 2),
    ])
  func `golden sets pass`(set: String, layout: String, ranks: Int) throws {
    let standIn = try StandIn()
    let result = try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("padtax-rank"),
      [
        "verify", "--checkpoint", SharedData.packageFolder + "/Tests/Golden/" + set, "--layout",
        layout, "--policy", "right-pad", "--policy", "packed", "--micro-batches", "2",
        "--backend", "cuda",
      ], environment: standIn.environment, timeLimit: 240)
    #expect(result.exitCode == 0, "\(result.summary)")
    let passes = result.standardOutput.split(separator: "\n").count { $0.hasPrefix("PASS") }
    #expect(passes == 2, "\(result.summary)")
  }
}
