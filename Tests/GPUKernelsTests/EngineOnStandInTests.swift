import FoundationEssentials
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

  @Test(.enabled(if: noRanks == nil, "\(noRanks ?? "")"))
  func `a serving job keeps its keys in blocks of a bf16 cache, and its answers`() throws {
    let standIn = try StandIn()
    let job = standIn.file("job.yaml")
    try standIn.write(
      """
      name: served
      model:
        config: \(SharedData.packageFolder)/Tests/Golden/qwen3-tiny/config.json
      layouts: [tp2]
      precision: bf16
      serving:
        systems: [static, in-flight]
        arrivals: ["poisson:100"]
        max-batch-size: 3
        max-num-tokens: 16
        max-sequence-length: 24
        block-size: 4
        max-tokens-in-paged-kv-cache: 64
        requests:
          count: 4
          mix:
            - {name: a, share: 1, prompt: "uniform:3-9", output: "uniform:2-4"}
      verify: {sequences: 2, output-tokens: 2}
      backend: {kind: cuda}
      clock: virtual
      network: nvlink4-h100
      repeats: 1
      warm-up: 0
      """, to: "job.yaml")
    let out = standIn.file("run")
    let result = try RankLauncher.run(
      ranks: 2, try RankLauncher.executable("padtax-rank"),
      ["run", job, "--layout", "tp2", "--cell", "cell", "--out", out],
      environment: standIn.environment, timeLimit: 240)
    #expect(result.exitCode == 0, "\(result.summary)")
    let files = FileManager.default
    let verified = files.contents(atPath: out + "/cells/cell/verification.jsonl") ?? Data()
    let lines = String(decoding: verified, as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 2, "\(lines)")
    #expect(lines.allSatisfy { $0.contains("\"passed\":true") }, "\(lines)")
    let provenance = String(
      decoding: files.contents(atPath: out + "/cells/cell/provenance.json") ?? Data(),
      as: UTF8.self)
    #expect(provenance.contains("\"messages\" : \"staged\""))
    #expect(provenance.contains("\"shared_device\" : true"))
  }
}
