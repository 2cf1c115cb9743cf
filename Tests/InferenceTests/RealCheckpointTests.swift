import FoundationEssentials
import TestSupport
import Testing

/// SmolLM2-135M-Instruct, when it is installed: `scripts/fetch-smollm2` makes the folder.
@Suite(.serialized) struct RealCheckpointTests {
  private static let folder = ProcessInfo.processInfo.environment["PADTAX_SMOLLM2"]
  private static let expected = SharedData.path("real/smollm2-135m-expected.json")

  private static let reason: String? = {
    if let reason = RankLauncher.unavailableReason { return "mpirun cannot be started: \(reason)" }
    guard let folder, FileManager.default.fileExists(atPath: folder + "/config.json") else {
      return "PADTAX_SMOLLM2 names no folder with SmolLM2-135M-Instruct; scripts/fetch-smollm2 "
        + "makes one"
    }
    return expected == nil ? SharedData.missing("real/smollm2-135m-expected.json") : nil
  }()

  @Test(
    "SmolLM2 answers with the expected tokens", .enabled(if: reason == nil, "\(reason ?? "")"),
    arguments: [
      ("tp1", 1, "left-pad"), ("tp3", 3, "packed"), ("pp2", 2, "right-pad"),
      ("tp3pp2", 6, "packed"),
    ])
  func smolLM2(layout: String, ranks: Int, policy: String) throws {
    let folder = try #require(Self.folder)
    let expected = try #require(Self.expected)
    let result = try Ranks.verify(
      ranks,
      [
        "--checkpoint", folder, "--expected", expected, "--layout", layout, "--policy", policy,
        "--micro-batches", "2",
      ], timeLimit: 300)
    #expect(result.exitCode == 0, "\(result.summary)")
    #expect(result.standardOutput.contains("PASS"), "\(result.summary)")
    #expect(result.standardOutput.contains("96 tokens of 4 prompts compared"), "\(result.summary)")
  }
}
