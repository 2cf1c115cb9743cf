import TestSupport
import Testing

/// Scores the golden prompts on ranks: `mean_nll_per_prompt` must hold whatever the layout and the
/// policy.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct GoldenScoreTests {
  static let policies = [
    "right-pad", "left-pad", "fixed:80", "fixed:16", "bucketed:powers", "bucketed:best-2", "sorted",
    "multi-bin:3", "packed", "packed-micro", "one-by-one",
  ]
  static let layouts = [("tp1", 1), ("tp2", 2), ("tp4", 4), ("pp2", 2), ("tp2pp2", 4), ("dp2", 2)]

  private func verify(
    _ checkpoint: String, _ layout: (name: String, ranks: Int), _ policies: [String],
    _ more: String...
  ) throws -> ProcessOutput {
    try RankLauncher.run(
      ranks: layout.ranks, try RankLauncher.executable("padtax-rank"),
      ["verify", "--checkpoint", checkpoint, "--phase", "score", "--layout", layout.name] + more
        + policies.flatMap { ["--policy", $0] }, timeLimit: 60)
  }

  private static func golden(_ name: String) -> String {
    SharedData.packageFolder + "/Tests/Golden/" + name
  }

  @Test(
    "mean NLLs hold under every layout and policy",
    arguments: layouts.map { ("qwen3-tiny", $0.0, $0.1) }
      + [("llama3-tiny", "tp2pp2", 4), ("mistral-tiny", "tp2pp2", 4)])
  func holds(checkpoint: String, name: String, ranks: Int) throws {
    let layout = (name, ranks)
    let result = try verify(
      Self.golden(checkpoint), layout, Self.policies, "--micro-batches", "2")
    #expect(result.exitCode == 0, "\(result.summary)")
    let lines = result.standardOutput.split(separator: "\n")
    #expect(lines.count { $0.hasPrefix("PASS \(checkpoint) \(layout.0) ") } == Self.policies.count)
    // Four of five prompts have an expected mean: one has a single token, which nothing predicts.
    let whole = "36 tokens scored, 4 prompts compared; "
    #expect(lines.count { $0.contains(whole) } == Self.policies.count - 1, "\(result.summary)")
    // fixed:16 cuts the prompt of 20 tokens to 16: 15 of its 19 targets are left.
    #expect(lines.contains { $0.contains("32 tokens scored, 3 prompts compared (1 cut") })
  }

  @Test("plain loops agree too") func referenceBackend() throws {
    let result = try verify(
      Self.golden("qwen3-tiny"), ("tp2", 2), ["left-pad"], "--backend", "reference")
    #expect(result.exitCode == 0, "\(result.summary)")
  }

  @Test("other expected answers fail with exit code 3") func wrongAnswersFail() throws {
    let folder = try TemporaryDirectory()
    for name in ["config.json", "model.safetensors", "expected.safetensors"] {
      _ = try runProcess(["cp", Self.golden("qwen3-tiny") + "/" + name, folder.path])
    }
    let edit = try runProcess([
      "sed", "s/4.809584/4.809784/", Self.golden("qwen3-tiny") + "/expected.json",
    ])
    #expect(edit.standardOutput.contains("4.809784"), "the mean that is changed is there")
    try folder.write(edit.standardOutput, to: "expected.json")
    let result = try verify(folder.path, ("tp1", 1), ["packed"])
    #expect(result.exitCode == 3, "\(result.summary)")
    #expect(result.standardOutput.contains(" tp1 packed: 36 tokens scored"))
    #expect(result.standardOutput.hasPrefix("FAIL "))
    #expect(result.standardError.contains("sequence 1: mean negative log-likelihood 4.8095"))
  }

  @Test("megatron-iterative is refused on every rank with exit code 2") func refuses() throws {
    let result = try verify(Self.golden("qwen3-tiny"), ("tp2", 2), ["megatron-iterative"])
    #expect(result.exitCode == 2, "\(result.summary)")
    #expect(result.standardError.contains("any other policy can score"))
  }
}
