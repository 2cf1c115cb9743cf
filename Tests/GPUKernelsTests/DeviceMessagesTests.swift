import FoundationEssentials
import TestSupport
import Testing

/// Messages out of a device's memory: staged in parts, by an MPI that follows addresses (the
/// stand-in's are the host's), and by NCCL. Answers are verified and the traffic is the model's, or a
/// run fails; all ways give the same tokens.
@Suite(.serialized) struct DeviceMessagesTests {
  private static let noRanks = RankLauncher.unavailableReason.map {
    "mpirun cannot be started: \($0)"
  }

  struct Way: Sendable {
    let name: String
    var environment: [String: String] = [:]
    static let all = [
      // A few elements at a time, so that each message has several parts.
      Way(name: "staged", environment: ["PADTAX_MESSAGE_PART": "192"]),
      Way(name: "direct"),
      Way(name: "nccl", environment: ["PADTAX_STANDIN_DEVICES": "4"]),
    ]
  }

  private static let libraries = StandIn.all + ["libnccl.so.2"]

  private func run(
    _ layout: String, ranks: Int, messages: String, lines: [String],
    libraries: [String] = libraries, _ environment: [String: String] = [:]
  ) throws -> (result: ProcessOutput, standIn: StandIn) {
    let standIn = try StandIn(libraries)
    let job =
      [
        "name: messages", "model:",
        "  config: \(SharedData.packageFolder)/Tests/Golden/qwen3-tiny/config.json",
        "layouts: [\(layout)]", "policies: [right-pad, packed]", "workload:",
        "  generate: uniform:2-9", "  batch-size: 3", "  batches-taken: 1", "output-tokens: 2",
        "micro-batches: 2", "verify: {sequences: 1, output-tokens: 2}", "repeats: 1",
        "warm-up: 0", "backend: {kind: cuda, messages: \(messages)}",
      ] + lines
    try standIn.write(job.joined(separator: "\n") + "\n", to: "job.yaml")
    let result = try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("padtax-rank"),
      [
        "run", standIn.file("job.yaml"), "--layout", layout, "--cell", "cell", "--out",
        standIn.file("run"),
      ], environment: standIn.environment.merging(environment) { $1 }, timeLimit: 120)
    return (result, standIn)
  }

  private func text(_ standIn: StandIn, _ name: String) -> String {
    String(
      decoding: FileManager.default.contents(atPath: standIn.file("run/cells/cell/\(name)"))
        ?? Data(), as: UTF8.self)
  }

  /// The values of a key in order, as text.
  private func values(_ key: String, in text: String) -> [Substring] {
    text.split(separator: "\n").compactMap { line in
      line.range(of: "\"\(key)\":").map { range in
        line[range.upperBound...].prefix { $0 != "," && $0 != "}" }
      }
    }
  }

  @Test(
    .enabled(if: noRanks == nil, "\(noRanks ?? "")"),
    arguments: [
      // What is computed in, and what travels, alike and not; sums whole and scattered; activations
      // of which each of two tensor ranks passes a part.
      ("tp2", 2, ["precision: fp32", "message-precision: bf16"]),
      ("tp2", 2, ["precision: bf16", "tensor-reduction: reduce-scatter"]),
      ("tp2pp2", 4, ["dialect: vllm-v0", "precision: bf16", "message-precision: fp32"]),
    ])
  func `all ways give the same tokens, and the model's traffic`(
    layout: String, ranks: Int, lines: [String]
  ) throws {
    var digests: [String: [Substring]] = [:]
    for way in Way.all {
      let (result, standIn) = try run(
        layout, ranks: ranks, messages: way.name, lines: lines, way.environment)
      #expect(result.exitCode == 0, "\(way.name): \(result.summary)")
      digests[way.name] = values("token_digest", in: text(standIn, "batches.jsonl"))
      let provenance = text(standIn, "provenance.json")
      #expect(provenance.contains("\"messages\" : \"\(way.name)\""), "\(provenance)")
      #expect(provenance.contains("\"nccl\" : \"2.28.7\"") == (way.name == "nccl"))
      #expect(
        provenance.contains("does not say that it follows a device's addresses")
          == (way.name == "direct"))
    }
    #expect(digests["staged"]?.count == 2)
    #expect(digests["direct"] == digests["staged"])
    #expect(digests["nccl"] == digests["staged"])
  }

  @Test(
    .enabled(if: noRanks == nil, "\(noRanks ?? "")"),
    arguments: [("2", "nccl"), ("1", "staged")])
  func `auto takes NCCL where each rank has a card, and the host's memory where not`(
    devices: String, taken: String
  ) throws {
    let (result, standIn) = try run(
      "pp2", ranks: 2, messages: "auto", lines: ["clock: virtual", "network: nvlink4-h100"],
      ["PADTAX_STANDIN_DEVICES": devices])
    #expect(result.exitCode == 0, "\(result.summary)")
    #expect(text(standIn, "provenance.json").contains("\"messages\" : \"\(taken)\""))
  }

  @Test(.enabled(if: noRanks == nil, "\(noRanks ?? "")"))
  func `NCCL that is not there, or not for two ranks of one card, is refused with what is valid`()
    throws
  {
    let missing = try run(
      "tp2", ranks: 2, messages: "nccl", lines: [], libraries: StandIn.all,
      ["PADTAX_STANDIN_DEVICES": "2"]
    ).result
    #expect(missing.exitCode == 2, "\(missing.summary)")
    #expect(missing.standardError.contains("NCCL cannot be opened: libnccl.so.2"))
    #expect(missing.standardError.contains("PADTAX_CUDA_PATH"))
    #expect(missing.standardError.contains("backend.messages: auto, staged, direct"))
    let shared = try run("tp2", ranks: 2, messages: "nccl", lines: []).result
    #expect(shared.exitCode == 2, "\(shared.summary)")
    #expect(shared.standardError.contains("a card of its own is needed for each rank"))
    #expect(shared.standardError.contains("backend.messages: auto, staged, direct"))
  }

  @Test(
    .enabled(if: noRanks == nil, "\(noRanks ?? "")"),
    arguments: ["ncclCommInitRank:2", "ncclAllReduce:1@7"])
  func `an NCCL call that fails ends the run with one line`(fault: String) throws {
    let result = try run(
      "tp2", ranks: 2, messages: "nccl", lines: [],
      [
        "PADTAX_STANDIN_DEVICES": "2", "PADTAX_STANDIN_FAIL": fault,
        "PADTAX_STANDIN_FAIL_RANK": "1",
      ]
    ).result
    let lines = result.standardError.split(separator: "\n").filter {
      $0.hasPrefix("padtax: error: ")
    }
    #expect(result.exitCode == 1, "\(result.summary)")
    #expect(lines.count == 1, "\(result.summary)")
    #expect(lines.first?.contains("backend cuda: rank 1, GPU") == true, "\(lines)")
    #expect(lines.first?.contains("NCCL answered") == true, "\(lines)")
    #expect(lines.first?.contains("staged and direct do without NCCL") == true, "\(lines)")
  }
}
