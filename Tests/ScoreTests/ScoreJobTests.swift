import Models
import Records
import Reporting
import TestSupport
import Testing

/// Runs a job with `phase: score` on ranks and reads its records.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct ScoreJobTests {
  /// 300 slots when padded: two blocks of the LM head.
  private static let lengths = [60, 1, 17, 33, 5]
  private static let tokens = lengths.reduce(0, +)

  private static let small = """
    name: s
    model: {preset: qwen2.5-0.5b}
    phase: score
    layouts: [tp1]
    policies: [packed]
    workload: {generate: chat}
    """

  private func run(
    _ folder: TemporaryDirectory, layout: String, ranks: Int, _ more: String = ""
  ) throws -> ProcessOutput {
    try folder.write(
      "{\"schema\":\"padtax/batches\",\"version\":1,\"source\":\"t\",\"batches\":"
        + "[{\"id\":0,\"lengths\":\(Self.lengths)}]}", to: "b.json")
    let job = try folder.write(
      """
      name: s
      model: {preset: qwen2.5-0.5b, layers: 2, hidden: 32, heads: 4, kv-heads: 2, feed-forward: 48,
        head-dimension: 8, vocabulary: 301}
      phase: score
      layouts: [\(layout)]
      policies: [right-pad, left-pad, fixed:20, packed]
      workload: {batches: b.json}
      warm-up: 0
      repeats: 1
      \(more)
      """, to: "job.yaml")
    return try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("padtax-rank"),
      ["run", job, "--layout", layout, "--out", folder.file("run"), "--progress", "none"],
      timeLimit: 60)
  }

  @Test(
    "records hold slots, FLOPs, losses and bytes exactly",
    arguments: [("tp1", 1), ("tp2", 2), ("tp2pp2", 4)])
  func records(layout: (String, Int)) throws {
    let folder = try TemporaryDirectory()
    let result = try run(folder, layout: layout.0, ranks: layout.1)
    #expect(result.exitCode == 0, "\(result.summary)")
    let cell = RunDirectory(path: folder.file("run")).cell(layout.0)
    let checks = try JSONLines.read(VerificationRecord.self, path: cell.verification) { _ in }
    #expect(checks.count == 4)
    #expect(checks.allSatisfy { $0.passed && $0.mode == .score })
    // On one rank a row's bits may depend on nothing but the row; sharded sums are others.
    #expect(layout.1 == 1 || checks.allSatisfy { $0.maxLogitError > 0 })
    #expect(checks.allSatisfy { $0.tolerance < 1e-3 })
    #expect(checks.map(\.tokensCompared) == [111, 111, 19 + 16 + 19 + 4, 111])

    let batches = try JSONLines.read(BatchRecord.self, path: cell.batches) { _ in }
    try #require(batches.map(\.prefillSlots) == [300, 300, 100, Self.tokens])
    #expect(batches.allSatisfy { $0.decodeSlots == 0 && $0.outputTokens == 0 })
    #expect(batches.allSatisfy { $0.batchTTFTSeconds == $0.totalSeconds && $0.totalSeconds > 0 })
    let losses = batches.compactMap(\.meanNLL)
    try #require(losses.count == 4 && losses.allSatisfy { (4..<9).contains($0) }, "log 301 is 5.7")
    for index in [1, 3] { #expect(abs(losses[index] - losses[0]) <= checks[0].tolerance) }
    #expect(Set([0, 1, 3].map { batches[$0].tokenDigest }).count == 1)
    #expect(batches[2].tokenDigest != batches[0].tokenDigest)

    // Every slot goes through the LM head, padded ones too.
    let model = try #require(
      try? JobFile.read(path: folder.file("job.yaml"))
    ).resolvedModel(folder.file("job.yaml"))
    let flops = FLOPCount(model)
    let pairs = Self.lengths.reduce(0) { $0 + FLOPCount.causalPairs(slots: $1) }
    #expect(
      batches[0].slotFLOPs
        == flops.total(slots: 300, pairs: 5 * FLOPCount.causalPairs(slots: 60), headRows: 300))
    #expect(
      batches[0].usefulFLOPs == flops.total(slots: Self.tokens, pairs: pairs, headRows: Self.tokens)
    )
    try traffic(cell, layout: layout.0, model: model)
    // What the plan says of padding on the wire is what all ranks' ledgers say.
    let sent = try JSONLines.read(RankRecord.self, path: cell.node(0)).filter {
      $0.policy == "right-pad"
    }.flatMap(\.traffic)
    let padded = sent.lazy.filter { ["all-reduce", "send"].contains($0.operation) }
      .reduce(0) { $0 + $1.paddedBytes }
    #expect(batches[0].padding.values.reduce(0) { $0 + $1.wireBytes } == padded)
    #expect(batches[0].padding["length"]?.slots == 300 - Self.tokens)
    #expect(batches[2].truncatedTokens == Self.tokens - 63)
  }

  private func traffic(
    _ cell: CellDirectory, layout: String, model: ModelConfiguration
  ) throws {
    let plan = try ParallelLayout(parsing: layout)
    let last = plan.worldSize - 1
    let ranks = try JSONLines.read(RankRecord.self, path: cell.node(0)).filter { $0.rank == last }
    #expect(ranks.map(\.phase) == ["score", "score", "score", "score"])
    for (record, slots) in zip(ranks, [300, 300, 100, Self.tokens]) {
      let padded = record.policy == "fixed:20" ? 100 - (20 + 1 + 17 + 20 + 5) : slots - Self.tokens
      let losses = record.traffic.first {
        $0.communicator == "tensor" && $0.elementType == "double"
      }
      guard plan.tensor > 1 else {
        #expect(record.traffic.allSatisfy { $0.communicator != "tensor" })
        continue
      }
      // Sum and target's logit, 8 bytes each, per slot; one call per block of 256 slots.
      #expect(losses?.bytes == 16 * slots, "\(record.policy)")
      #expect(losses?.paddedBytes == 16 * padded, "\(record.policy)")
      #expect(losses?.calls == (slots + 255) / 256, "\(record.policy)")
      // Activations: two per layer of the stage, the embedding on the first; the largest logit.
      let floats = record.traffic.first {
        $0.communicator == "tensor" && $0.elementType == "float"
      }
      let layers = plan.pipeline == 1 ? 2 * model.layerCount + 1 : model.layerCount
      let perSlot = 4 * (layers * model.hiddenSize + 1)
      #expect(floats?.bytes == perSlot * slots, "\(record.policy)")
      #expect(floats?.paddedBytes == perSlot * padded, "\(record.policy)")
      guard plan.pipeline > 1 else { continue }
      // One loss of 8 bytes per scored token goes back to the first stage.
      let sent = record.traffic.first {
        $0.communicator == "pipeline" && $0.operation == "send" && $0.elementType == "double"
      }
      let scored = record.policy == "fixed:20" ? 58 : Self.tokens - Self.lengths.count
      #expect(sent?.bytes == 8 * scored, "\(record.policy)")
      #expect(sent?.paddedBytes == 0, "\(record.policy)")
    }
  }

  @Test(
    "every dialect and reduction scores alike, and bytes and padding agree",
    arguments: ["dialect: vllm-v0", "tensor-reduction: reduce-scatter"])
  func variants(more: String) throws {
    let folder = try TemporaryDirectory()
    let result = try run(folder, layout: "tp2pp2", ranks: 4, more)
    try #require(result.exitCode == 0, "\(result.summary)")
    let cell = RunDirectory(path: folder.file("run")).cell("tp2pp2")
    let checks = try JSONLines.read(VerificationRecord.self, path: cell.verification) { _ in }
    #expect(checks.map(\.tokensCompared) == [111, 111, 19 + 16 + 19 + 4, 111])
    #expect(checks.allSatisfy { $0.passed && $0.maxLogitError > 0 && $0.tolerance < 1e-3 })
    let batches = try JSONLines.read(BatchRecord.self, path: cell.batches) { _ in }
    let ranks = try JSONLines.read(RankRecord.self, path: cell.node(0))
    for batch in batches {
      let padded = ranks.filter { $0.policy == batch.policy }.flatMap(\.traffic)
        .filter { $0.communicator != "control" && $0.operation != "receive" }
        .reduce(0) { $0 + $1.paddedBytes }
      #expect(batch.padding.values.reduce(0) { $0 + $1.wireBytes } == padded, "\(batch.policy)")
    }
    // Packed are 116 slots. The last stage has one layer: where sums are scattered, a gather before
    // either half of it, and one before the head.
    let gathers = try #require(ranks.last { $0.policy == "packed" }).traffic
      .first { $0.operation == "all-gather" && $0.communicator == "tensor" }
    #expect(gathers?.bytes == (more.contains("vllm") ? 2 : 3) * 116 * 32 * 4)
  }

  @Test("settings that a score pass would ignore are refused") func refuses() throws {
    let cases = [
      ("output-tokens=3", "output-tokens: phase score generates nothing"),
      ("verify.output-tokens=3", "output-tokens: phase score generates nothing"),
      ("phase=train", "unknown value 'train'; valid choices: generate, score"),
      ("policies=[megatron-iterative]", "policies: megatron-iterative feeds prompts position"),
    ]
    for (setting, text) in cases {
      let error = #expect(throws: RecordError.self, "\(setting)") {
        let job = try JobFile.parse(Self.small, file: "x", folder: ".", settings: [setting])
        _ = try ResolvedJob(job, file: "x", settings: [setting])
      }
      #expect(error?.description.contains(text) == true, "\(setting): \(error?.description ?? "")")
    }
  }

  @Test("a job that scores survives its own YAML") func yaml() throws {
    let job = try JobFile.parse(Self.small, file: "x", folder: ".")
    #expect(job.mode == .score)
    #expect(try JobFile.parse(job.yaml, file: "x", folder: ".") == job)
    #expect(job.yaml.contains("phase: score") && !job.yaml.contains("output-tokens"))
  }
}

extension JobSpecification {
  /// The shape of the job's model.
  func resolvedModel(_ file: String) throws -> ModelConfiguration {
    try ResolvedJob(self, file: file).model
  }
}
