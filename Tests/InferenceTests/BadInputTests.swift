import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// Everything that a person can get wrong: one line, exit code 2, and no file left behind.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct BadInputTests {
  private func refused(
    _ folder: JobFolder, ranks: Int = 1, layout: String = "tp1", job: String? = nil,
    _ more: [String] = [], says: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let result = try Ranks.run(
      ranks, job: job ?? folder.job, layout: layout, out: folder.out, more, timeLimit: 30)
    check(result, says: says, sourceLocation)
    #expect(!folder.exists(folder.out), "something was written", sourceLocation: sourceLocation)
  }

  private func check(
    _ result: ProcessOutput, says: [String], _ sourceLocation: SourceLocation
  ) {
    #expect(result.exitCode == 2, "\(result.summary)", sourceLocation: sourceLocation)
    #expect(result.errors.count == 1, "\(result.summary)", sourceLocation: sourceLocation)
    let line = result.errors.first ?? ""
    for text in says {
      #expect(line.contains(text), "\(result.summary)", sourceLocation: sourceLocation)
    }
  }

  @Test func wrongNumberOfRanks() throws {
    try refused(
      try JobFolder(), ranks: 2, layout: "tp2pp2",
      says: ["layout tp2pp2 needs 4 ranks", "this launch has 2", "mpirun -np 4"])
  }

  @Test func unknownLayout() throws {
    try refused(try JobFolder(), ranks: 2, layout: "xp2", says: ["'xp2'"])
  }

  @Test func aDegreeThatDoesNotDivide() throws {
    try refused(
      try JobFolder(), ranks: 3, layout: "tp3",
      says: ["job.yaml", "tensor-parallel degree 3", "4 KV heads", "valid degrees: 1 2 4 8"])
    try refused(
      try JobFolder(model: Self.twoLayers), ranks: 3, layout: "pp3",
      says: ["pipeline-parallel degree 3", "2 layers", "valid degrees: 1 to 2"])
  }

  private static let twoLayers = [
    "preset: qwen2.5-0.5b", "layers: 2", "hidden: 32", "heads: 8", "kv-heads: 4",
    "head-dimension: 4", "feed-forward: 44", "vocabulary: 97", "max-positions: 64",
  ]

  @Test func fewerRequestsThanReplicas() throws {
    // Only the coordinator plans: the other ranks must not be left waiting.
    try refused(
      try JobFolder(batches: [([5, 3], [2, 2]), ([4], [3])]), ranks: 2, layout: "dp2",
      says: ["job.yaml:12:10: layouts", "batch 1 only 1 requests", "2 replicas"])
  }

  @Test func missingJob() throws {
    let folder = try JobFolder()
    try refused(
      folder, job: folder.folder.file("none.yaml"), says: ["none.yaml", "no such file"])
  }

  @Test func unknownKey() throws {
    try refused(
      try JobFolder(more: ["colour: blue"]), says: ["job.yaml:18", "unknown key 'colour'"])
  }

  @Test func unknownSetting() throws {
    try refused(
      try JobFolder(), ["--set", "verify.sequence=3"], says: ["unknown key 'verify.sequence'"])
  }

  @Test func aPromptBeyondTheContext() throws {
    try refused(
      try JobFolder(batches: [([5, 70], [2, 2])]),
      says: ["job.yaml:15", "row 1", "70 tokens", "exceed the context", " 64"])
  }

  @Test func anEmptyBatch() throws {
    try refused(
      try JobFolder(batches: [([], [])]), says: ["batches.json", "the batch is empty"])
  }

  @Test func aPromptWithoutTokens() throws {
    try refused(try JobFolder(batches: [([4, 0], [1, 1])]), says: ["batches.json", "lengths"])
  }

  @Test func aModelTooLargeForTheMemory() throws {
    try refused(
      try JobFolder(model: ["preset: llama-3.1-405b"]), ranks: 2, layout: "tp2",
      says: [
        "llama-3.1-405b under tp2 does not fit", "its 2 ranks need", "weights 1", "KV cache",
        "available",
      ])
  }

  @Test func aMissingBLAS() throws {
    try refused(
      try JobFolder(more: ["backend:", "  kind: cpu", "  blas: libno-such-blas.so"]), ranks: 2,
      layout: "tp2", says: ["libno-such-blas.so"])
  }

  /// A job on a copy of a golden checkpoint whose weights `change` edits.
  private func checkpointJob(
    _ change: (inout [UInt8]) -> Void
  ) throws -> JobFolder {
    let folder = try JobFolder(model: ["checkpoint: broken"])
    let source = SharedData.packageFolder + "/Tests/Golden/qwen3-tiny/"
    try FileManager.default.createDirectory(
      atPath: folder.folder.file("broken"), withIntermediateDirectories: false)
    try FileManager.default.copyItem(
      atPath: source + "config.json", toPath: folder.folder.file("broken/config.json"))
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: source + "model.safetensors")))
    change(&bytes)
    try folder.folder.write(bytes, to: "broken/model.safetensors")
    return folder
  }

  @Test func aTruncatedCheckpoint() throws {
    try refused(
      try checkpointJob { $0.removeLast(100) }, ranks: 2, layout: "tp2",
      says: ["broken/model.safetensors"])
  }

  @Test func aCheckpointThatIsNone() throws {
    try refused(
      try checkpointJob { $0 = Array("not a checkpoint".utf8) },
      says: ["broken/model.safetensors"])
  }

  @Test("A missing tensor is found before anything is written, whichever rank would read it")
  func aMissingTensor() throws {
    // Renaming keeps the header's length: layer 3 belongs to the last stage.
    try refused(
      try checkpointJob { bytes in
        let name = Array("model.layers.3.mlp.up_proj.weight".utf8)
        let other = Array("model.layers.3.mlp.up_prOj.weight".utf8)
        let start = (0..<bytes.count - name.count).first { bytes[$0...].starts(with: name) }
        for (index, byte) in other.enumerated() { bytes[(start ?? 0) + index] = byte }
      }, ranks: 2, layout: "pp2",
      says: ["broken/model.safetensors", "model.layers.3.mlp.up_proj.weight"])
  }

  @Test("A run directory that cannot be made, whoever the user is")
  func unwritableOutput() throws {
    let folder = try JobFolder()
    // A file where a folder is needed stops root as well.
    let file = try folder.folder.write("x", to: "file")
    let result = try Ranks.run(2, job: folder.job, layout: "tp2", out: file + "/out")
    check(result, says: ["cannot create folder", "file/out"], #_sourceLocation)
  }

  @Test(
    "Arguments that are not understood end with code 2 and one line",
    arguments: [
      ["--bogus"], ["job.yaml"], ["verify"], ["run", "job.yaml", "--layout", "tp1"],
    ])
  func usage(arguments: [String]) throws {
    let result = try runProcess([try RankLauncher.executable("padtax-rank")] + arguments)
    check(result, says: ["--help"], #_sourceLocation)
    #expect(result.standardError.split(separator: "\n").count == 1, "\(result.summary)")
  }

  @Test func helpIsNoError() throws {
    let result = try runProcess([try RankLauncher.executable("padtax-rank"), "--help"])
    #expect(result.exitCode == 0 && result.standardOutput.contains("USAGE"))
  }

  @Test("verify refuses what it does not know, and fails with code 3 on other answers")
  func verify() throws {
    let golden = SharedData.packageFolder + "/Tests/Golden/mistral-tiny"
    let policy = try Ranks.verify(
      2, ["--checkpoint", golden, "--layout", "tp2", "--policy", "padded"])
    check(policy, says: ["'padded'", "right-pad, left-pad, sorted"], #_sourceLocation)
    let folder = try Ranks.verify(2, ["--checkpoint", golden + "-none", "--layout", "tp2"])
    check(folder, says: ["mistral-tiny-none"], #_sourceLocation)
    let replicas = try Ranks.verify(3, ["--checkpoint", golden, "--layout", "tp3"])
    check(replicas, says: ["tensor-parallel degree 3"], #_sourceLocation)
    // Another model's answers.
    let other = try TemporaryDirectory()
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.copyItem(atPath: "\(golden)/\(name)", toPath: other.file(name))
    }
    var text = try String(contentsOfFile: golden + "/expected.json", encoding: .utf8)
    let greedy = try #require(text.range(of: "\"greedy\": [\n  ["))
    // The first token of the first answer.
    let digits = text[greedy.upperBound...].prefix { $0.isNumber }
    text.replaceSubrange(digits.startIndex..<digits.endIndex, with: digits == "7" ? "8" : "7")
    try other.write(text, to: "expected.json")
    try FileManager.default.copyItem(
      atPath: golden + "/expected.safetensors", toPath: other.file("expected.safetensors"))
    let wrong = try Ranks.verify(2, ["--checkpoint", other.path, "--layout", "pp2"])
    #expect(wrong.exitCode == 3, "\(wrong.summary)")
    #expect(wrong.standardOutput.contains("FAIL") && wrong.errors.count == 1)
  }
}
