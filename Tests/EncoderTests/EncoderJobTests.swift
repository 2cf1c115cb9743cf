import FoundationEssentials
import TestSupport
import Testing

/// Jobs with an encoder, on ranks.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct EncoderJobTests {
  private static let job = """
    name: encoder
    model: {preset: minilm-l6, scale: 1/16}
    layouts: [tp1, tp2pp2, dp2]
    policies: [right-pad, left-pad, "bucketed:powers", sorted, "multi-bin:3", packed, packed-micro,
      one-by-one]
    workload: {generate: chat, batch-size: 6, batches-taken: 1}
    micro-batches: 2
    warm-up: 0
    repeats: 1

    """

  private func run(
    _ ranks: Int, _ layout: String, in folder: TemporaryDirectory, _ more: [String] = []
  ) throws -> ProcessOutput {
    let file = folder.path + "/job.yaml"
    try Self.job.write(toFile: file, atomically: true, encoding: .utf8)
    return try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("padtax-rank"),
      [file, "--layout", layout, "--out", folder.path + "/out", "--progress", "none"] + more,
      timeLimit: 120)
  }

  private func lines(_ path: String) throws -> [[String: JSONValue]] {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    return try text.split(separator: "\n").map {
      try JSONDecoder().decode([String: JSONValue].self, from: Data($0.utf8))
    }
  }

  @Test(
    "states agree with the unpadded reference under all policies, and nothing is decoded or kept",
    arguments: [("tp1", 1), ("tp2pp2", 4), ("dp2", 2)])
  func measures(layout: String, ranks: Int) throws {
    let folder = try TemporaryDirectory()
    let result = try run(ranks, layout, in: folder)
    #expect(result.exitCode == 0, "\(result.summary)")
    let cell = folder.path + "/out/cells/" + layout
    let checks = try lines(cell + "/verification.jsonl")
    #expect(checks.count == 8)
    for check in checks {
      #expect(check["passed"] == .bool(true) && check["tokens_per_sequence"] == .number(0))
    }
    let batches = try lines(cell + "/batches.jsonl")
    #expect(batches.count == 8)
    #expect(Set(batches.compactMap { $0["token_digest"] }).count == 1, "answers differ")
    for batch in batches {
      #expect(batch["output_tokens"] == .number(0) && batch["decode_slots"] == .number(0))
      #expect(batch["kv_slots_reserved"] == .number(0))
    }
  }

  @Test(
    "random batches agree with the reference, cut prompts with that of the cut ones",
    arguments: [("tp2", 2, 2), ("pp2", 2, 3), ("tp1", 1, 4)])
  func random(layout: String, ranks: Int, seed: Int) throws {
    let folder = try TemporaryDirectory()
    let policies = "policies=[fixed:9, right-pad, 'bucketed:best-2', sorted, packed, packed-micro]"
    let result = try run(
      ranks, layout, in: folder,
      [
        "--set", "layouts=[\(layout)]", "--set", "seed=\(seed)", "--set", policies,
        "--set", "workload.batch-size=9",
      ])
    #expect(result.exitCode == 0, "\(result.summary)")
    let cell = folder.path + "/out/cells/" + layout
    let checks = try lines(cell + "/verification.jsonl")
    #expect(checks.count == 6 && checks.allSatisfy { $0["passed"] == .bool(true) })
    let batches = try lines(cell + "/batches.jsonl")
    let cut = batches.filter { $0["policy"] == .text("fixed:9") }
    let whole = batches.filter { $0["policy"] != .text("fixed:9") }
    #expect(cut.count == 1 && cut.allSatisfy { $0["truncated_tokens"] != .number(0) })
    #expect(whole.count == 5 && whole.allSatisfy { $0["truncated_tokens"] == .number(0) })
    #expect(Set(whole.compactMap { $0["token_digest"] }).count == 1, "answers differ")
    #expect(cut.first?["token_digest"] != whole.first?["token_digest"])
  }

  @Test("sums in chunks give the same states")
  func chunks() throws {
    let digests = try [1, 4].map { chunks in
      let folder = try TemporaryDirectory()
      let result = try run(
        2, "tp2", in: folder,
        [
          "--set", "layouts=[tp2]", "--set", "policies=[packed, right-pad]", "--set",
          "workload.batch-size=12", "--set", "micro-batches=1", "--set",
          "reduction-chunks=\(chunks)",
        ])
      #expect(result.exitCode == 0, "\(result.summary)")
      let cell = folder.path + "/out/cells/tp2"
      let checks = try lines(cell + "/traffic-check.jsonl")
      #expect(checks.count == 2 && checks.allSatisfy { $0["passed"] == .bool(true) })
      let batches = try lines(cell + "/batches.jsonl")
      return (batches.compactMap { $0["token_digest"] }, checks.compactMap { $0["operations"] })
    }
    #expect(digests[0].0 == digests[1].0 && digests[0].0.count == 2)
    #expect(digests[0].1 != digests[1].1, "nothing was cut")
  }

  @Test(
    "checkpoints are read under either naming, and one that lacks a tensor is refused early",
    .enabled(
      if: SharedData.path("golden/bert-mlm-legacy-names") != nil,
      "\(SharedData.missing("golden/bert-mlm-legacy-names"))"),
    arguments: ["bert-mlm", "bert-pooler", "bert-mlm-legacy-names"])
  func checkpoint(name: String) throws {
    let checkpoint = try #require(SharedData.path("golden/" + name))
    let folder = try TemporaryDirectory()
    // The same weights under a configuration with ten layers more than they have.
    let config = try String(contentsOfFile: checkpoint + "/config.json", encoding: .utf8)
    let layers = "\"num_hidden_layers\": "
    _ = try folder.write(
      config.replacing(layers, with: layers + "1"), to: "config.json")
    try FileManager.default.createSymbolicLink(
      atPath: folder.file("model.safetensors"),
      withDestinationPath: checkpoint + "/model.safetensors")
    let file = try folder.write(
      """
      name: encoder
      model: {checkpoint: \(checkpoint)}
      layouts: [tp1]
      policies: [right-pad, packed]
      workload: {generate: chat, batch-size: 4, batches-taken: 1, longest: 16}
      warm-up: 0
      repeats: 1

      """, to: "checkpoint.yaml")
    let arguments = [file, "--layout", "tp1", "--progress", "none", "--out"]
    let rank = try RankLauncher.executable("padtax-rank")
    let result = try RankLauncher.run(
      ranks: 1, rank, arguments + [folder.path + "/out"], timeLimit: 60)
    #expect(result.exitCode == 0, "\(result.summary)")
    let refused = try RankLauncher.run(
      ranks: 1, rank,
      arguments + [folder.path + "/more", "--set", "model.checkpoint=\(folder.path)"],
      timeLimit: 60)
    #expect(refused.exitCode == 2, "\(refused.summary)")
    #expect(refused.standardError.contains("encoder.layer."), "\(refused.summary)")
  }

  @Test("output tokens and feeding by position are refused with their place")
  func refuses() throws {
    let folder = try TemporaryDirectory()
    let tokens = try run(1, "tp1", in: folder, ["--set", "output-tokens=4"])
    #expect(tokens.exitCode == 2, "\(tokens.summary)")
    #expect(tokens.standardError.contains("is an encoder and generates nothing"))
    let scores = try run(1, "tp1", in: folder, ["--set", "phase=score"])
    #expect(scores.exitCode == 2, "\(scores.summary)")
    #expect(scores.standardError.contains("predicts no next token to score"), "\(scores.summary)")
    let iterative = try run(1, "tp1", in: folder, ["--set", "policies=[megatron-iterative]"])
    #expect(iterative.exitCode == 2, "\(iterative.summary)")
    #expect(iterative.standardError.contains("--set policies"), "\(iterative.summary)")
  }
}

/// As much of JSON as records need here.
private enum JSONValue: Decodable, Hashable {
  case bool(Bool)
  case number(Double)
  case text(String)
  case other

  init(from decoder: any Decoder) throws {
    let single = try decoder.singleValueContainer()
    if let value = try? single.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? single.decode(Double.self) {
      self = .number(value)
    } else if let value = try? single.decode(String.self) {
      self = .text(value)
    } else {
      self = .other
    }
  }
}
