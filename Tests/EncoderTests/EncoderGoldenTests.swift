import FoundationEssentials
import TestSupport
import Testing

/// BERT checkpoints against expected states, pooled outputs and MLM logits, on ranks.
@Suite(.serialized) struct EncoderGoldenTests {
  private static let noRanks = RankLauncher.unavailableReason.map {
    "mpirun cannot be started: \($0)"
  }

  private static let noGolden: String? =
    noRanks
    ?? (SharedData.path("golden/bert-mlm") == nil
      ? SharedData.missing("golden/bert-mlm") : nil)

  private static let folder = ProcessInfo.processInfo.environment["PADTAX_MINILM"]
  private static let noMiniLM: String? =
    noRanks
    ?? (folder.map { FileManager.default.fileExists(atPath: $0 + "/model.safetensors") } == true
      ? nil
      : "PADTAX_MINILM names no folder with all-MiniLM-L6-v2; scripts/fetch-minilm makes one")

  private func verify(
    _ ranks: Int, _ layout: String, _ policy: String, checkpoint: String, _ more: [String] = []
  ) throws -> ProcessOutput {
    try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("padtax-rank"),
      [
        "verify", "--checkpoint", checkpoint, "--layout", layout, "--policy", policy,
        "--micro-batches", "2",
      ] + more, timeLimit: 120)
  }

  @Test(
    "the BERT golden sets pass under every layout",
    .enabled(if: noGolden == nil, "\(noGolden ?? "")"),
    arguments: ["bert-mlm", "bert-pooler", "bert-mlm-legacy-names"],
    [("tp1", 1), ("tp2", 2), ("pp2", 2), ("tp2pp2", 4)])
  func golden(name: String, layout: (String, Int)) throws {
    let checkpoint = try #require(SharedData.path("golden/" + name))
    for policy in ["right-pad", "packed"] {
      let result = try verify(layout.1, layout.0, policy, checkpoint: checkpoint)
      #expect(result.exitCode == 0, "\(result.summary)")
      #expect(result.standardOutput.contains("PASS \(name) \(layout.0) \(policy): 126 tokens"))
      let head = name == "bert-pooler" ? "pooled states" : "all MLM logits"
      #expect(result.standardOutput.contains(head), "\(result.summary)")
    }
  }

  @Test(
    "every policy gives the same states", .enabled(if: noGolden == nil, "\(noGolden ?? "")"),
    arguments: [
      "left-pad", "bucketed:powers", "sorted", "multi-bin:2", "fixed:96", "fixed:120",
      "packed-micro", "one-by-one",
    ])
  func policies(policy: String) throws {
    let checkpoint = try #require(SharedData.path("golden/bert-mlm"))
    let result = try verify(2, "pp2", policy, checkpoint: checkpoint)
    #expect(result.exitCode == 0, "\(result.summary)")
    #expect(result.standardOutput.contains("PASS"), "\(result.summary)")
  }

  @Test(
    "a wrong expectation fails, and what cannot be is bad input",
    .enabled(if: noGolden == nil, "\(noGolden ?? "")"))
  func failures() throws {
    let mlm = try #require(SharedData.path("golden/bert-mlm"))
    let other = try #require(SharedData.path("golden/bert-mlm-legacy-names"))
    let wrong = try verify(1, "tp1", "packed", checkpoint: mlm, ["--expected", other])
    #expect(wrong.exitCode == 3, "\(wrong.summary)")
    #expect(wrong.standardOutput.contains("FAIL"))
    let iterative = try verify(1, "tp1", "megatron-iterative", checkpoint: mlm)
    #expect(iterative.exitCode == 2, "\(iterative.summary)")
    #expect(iterative.standardError.contains("position by position"))
    let scores = try verify(1, "tp1", "packed", checkpoint: mlm, ["--phase", "score"])
    #expect(scores.exitCode == 2, "\(scores.summary)")
    #expect(scores.standardError.contains("predicts no next token to score"), "\(scores.summary)")
    let replicas = try verify(2, "dp2", "packed", checkpoint: mlm)
    #expect(replicas.exitCode == 2, "\(replicas.summary)")
  }

  @Test(
    "all-MiniLM-L6-v2 gives the reference embeddings",
    .enabled(if: noMiniLM == nil, "\(noMiniLM ?? "")"),
    arguments: [("tp1", 1, "right-pad"), ("tp2pp2", 4, "packed"), ("tp3", 3, "sorted")])
  func miniLM(layout: String, ranks: Int, policy: String) throws {
    let result = try verify(
      ranks, layout, policy, checkpoint: try #require(Self.folder),
      ["--expected", SharedData.packageFolder + "/Tests/Golden/minilm-l6"])
    #expect(result.exitCode == 0, "\(result.summary)")
    #expect(result.standardOutput.contains("78 tokens of 5 prompts"), "\(result.summary)")
    #expect(result.standardOutput.contains("pooled states"), "\(result.summary)")
  }
}
