import FoundationEssentials
import Records
import TestSupport
import Testing

/// Decode steps as graphs, by the whole engine on the stand-in.
@Suite(.serialized) struct GraphTests {
  private static let noRanks = RankLauncher.unavailableReason.map {
    "mpirun cannot be started: \($0)"
  }

  private struct Run {
    let result: ProcessOutput
    let folder: String

    func text(_ name: String) -> String {
      String(
        decoding: FileManager.default.contents(atPath: "\(folder)/cells/cell/\(name)") ?? Data(),
        as: UTF8.self)
    }

    func provenance() throws -> Provenance {
      try JSONText.decode(Provenance.self, from: text("provenance.json"), source: "provenance")
    }

    /// Of all executions.
    func digests() throws -> Set<String> {
      Set(
        try text("batches.jsonl").split(separator: "\n").map {
          try JSONText.decode(BatchRecord.self, from: String($0), source: "batches").tokenDigest
        })
    }
  }

  private func run(
    _ standIn: StandIn, _ name: String, layout: String, backend: String, serving: String = "",
    _ more: [String: String] = [:]
  ) throws -> Run {
    let batches = """
      policies: [packed]
      workload: {generate: "uniform:2-4", batch-size: 3, batches-taken: 1, outputs: "uniform:4-5"}
      """
    try standIn.write(
      """
      name: graphs
      model:
        config: \(SharedData.packageFolder)/Tests/Golden/qwen3-tiny/config.json
      layouts: [\(layout)]
      \(serving.isEmpty ? batches : serving)
      verify: {sequences: 1, output-tokens: 4}
      backend: \(backend)
      repeats: 2
      warm-up: 0
      """, to: name + ".yaml")
    let folder = standIn.file(name)
    let result = try RankLauncher.run(
      ranks: layout == "tp1" ? 1 : 2, try RankLauncher.executable("padtax-rank"),
      [
        "run", standIn.file(name + ".yaml"), "--layout", layout, "--cell", "cell", "--out", folder,
      ], environment: standIn.environment.merging(more) { $1 }, timeLimit: 240)
    return Run(result: result, folder: folder)
  }

  @Test(
    .enabled(if: noRanks == nil, "\(noRanks ?? "")"), arguments: ["tp1", "tp2", "pp2"])
  func `tokens are those of the CPU, whichever way segments are cut`(layout: String) throws {
    let standIn = try StandIn()
    let plain = try run(standIn, "plain", layout: "tp1", backend: "{kind: cpu}")
    let graphed = try run(
      standIn, "graphed", layout: layout, backend: "{kind: cuda, graphs: [1, 2, 4]}")
    #expect(graphed.result.exitCode == 0, "\(graphed.result.summary)")
    let digests = try graphed.digests()
    #expect(try digests == plain.digests() && digests.count == 1)
    for rank in try graphed.provenance().ranks {
      let graphs = try #require(rank.gpu?.graphs)
      #expect(graphs.sizes == [1, 2, 4] && graphs.refusal == nil, "\(graphs)")
      #expect(graphs.captured > 1 && graphs.launches > graphs.captured, "\(graphs)")
      #expect(graphs.memoryBytes == graphs.captured << 16, "the stand-in's graphs: \(graphs)")
    }
    let check = graphed.text("traffic.jsonl") + graphed.text("verification.jsonl")
    #expect(!check.contains("\"passed\":false"), "\(check)")
  }

  @Test(.enabled(if: noRanks == nil, "\(noRanks ?? "")"))
  func `iterations over blocks run as graphs, and answers pass`() throws {
    let standIn = try StandIn()
    let run = try run(
      standIn, "served", layout: "tp2", backend: "{kind: cuda, graphs: [2, 4]}",
      serving: """
        precision: bf16
        serving:
          systems: [static, in-flight]
          arrivals: [at-once]
          max-batch-size: 3
          max-num-tokens: 16
          max-sequence-length: 24
          block-size: 4
          max-tokens-in-paged-kv-cache: 64
          requests:
            count: 3
            mix:
              - {name: a, share: 1, prompt: "uniform:3-9", output: "uniform:4-8"}
        """)
    #expect(run.result.exitCode == 0, "\(run.result.summary)")
    #expect(run.text("verification.jsonl").split(separator: "\n").count == 2)
    #expect(!run.text("verification.jsonl").contains("\"passed\":false"))
    #expect(run.text("serving.jsonl").contains("\"graph_slots\":"), "three rows run as four")
    for rank in try run.provenance().ranks {
      let graphs = try #require(rank.gpu?.graphs)
      #expect(graphs.captured > 0 && graphs.launches > graphs.captured, "\(graphs)")
    }
  }

  @Test(.enabled(if: noRanks == nil, "\(noRanks ?? "")"))
  func `a capture that fails is said once, and steps go on without`() throws {
    let standIn = try StandIn()
    let run = try run(
      standIn, "refused", layout: "tp1", backend: "{kind: cuda, graphs: [1, 2, 4]}",
      ["PADTAX_STANDIN_FAIL": "cuStreamEndCapture:901@2"])
    #expect(run.result.exitCode == 0, "\(run.result.summary)")
    let provenance = try run.provenance()
    let graphs = try #require(provenance.ranks.first?.gpu?.graphs)
    #expect(graphs.captured == 1 && graphs.launches > 0, "\(graphs)")
    #expect(graphs.refusal?.contains("cuStreamEndCapture") == true, "\(graphs)")
    let warnings = provenance.warnings.filter { $0.contains("ran without CUDA graphs") }
    #expect(warnings.count == 1 && warnings[0].contains("the driver answered"), "\(warnings)")
    #expect(!run.text("verification.jsonl").contains("\"passed\":false"))
  }

  @Test(.enabled(if: noRanks == nil, "\(noRanks ?? "")"))
  func `a graph that cannot be launched ends its rank with the driver's words`() throws {
    let standIn = try StandIn()
    let run = try run(
      standIn, "fault", layout: "tp1", backend: "{kind: cuda, graphs: [1, 2, 4]}",
      ["PADTAX_STANDIN_FAIL": "cuGraphLaunch:719@2"])
    #expect(run.result.exitCode == 1, "\(run.result.summary)")
    let lines = run.result.standardError.split(separator: "\n")
      .filter { $0.hasPrefix("padtax: error: ") }
    #expect(lines.count == 1, "\(run.result.summary)")
    #expect(
      lines.first?.hasPrefix(
        "padtax: error: backend cuda: rank 0, GPU 0 (stand-in): cuGraphLaunch") == true,
      "\(run.result.summary)")
  }

  @Test func `a driver without graphs is refused for graphs alone`() throws {
    let whole = try RankLauncher.executable("libcuda-stand-in.so")
    var library = try #require(FileManager.default.contents(atPath: whole))
    // The name of the function, wherever it stands, becomes another one.
    let (name, other) = (Array("cuGraphLaunch\0".utf8), Array("cuGraphLaunhc\0".utf8))
    var found = 0
    while let place = library.firstRange(of: name) {
      library.replaceSubrange(place, with: other)
      found += 1
    }
    #expect(found > 0)
    let standIn = try StandIn(["libnvrtc.so.13", "libcublasLt.so.13"])
    #expect(
      FileManager.default.createFile(atPath: standIn.file("libcuda.so.1"), contents: library))
    #expect(try standIn.run("gpu-checks", ["probe"]).exitCode == 0)
    let result = try standIn.run("gpu-checks", ["kernels", "--small"])
    #expect(result.exitCode == 2, "\(result.summary)")
    #expect(result.standardError.contains("has no function cuGraphLaunch"), "\(result.summary)")
    #expect(result.standardError.contains("leave backend.graphs out"), "\(result.summary)")
    #expect(result.standardError.split(separator: "\n").count == 1, "\(result.summary)")
  }
}
