import FoundationEssentials
import Glibc
import Testing

@testable import Checkpoints

@Suite struct GoldenExpectationTests {
  /// Without the encoder's, which `EncoderExpectationTests` reads.
  private static let own = goldenFolders(under: "\(packageRoot)/Tests/Golden")
    .filter { !EncoderExpectation.isPresent(in: $0) }
  private static let shared = sharedFolder.map { goldenFolders(under: "\($0)/golden") } ?? []

  /// What must hold in every golden folder, computed from its own parts.
  private func check(_ folder: String) throws {
    let golden = try GoldenExpectation(directory: folder)
    #expect(golden.lastLogits.rows == golden.prompts.count)
    let full = try #require(golden.fullLogits)
    let index = try #require(golden.fullLogitsIndex)
    #expect(full.rows == golden.lengths[index])
    #expect(full.row(full.rows - 1) == golden.lastLogits.row(index))
    for (prompt, tokens) in golden.greedy.enumerated() {
      let logits = golden.lastLogits.row(prompt)
      let best = try #require(logits.max())
      let winner = try #require(logits.firstIndex(of: best)) - logits.startIndex
      #expect(tokens.first.map(Int.init) == winner)
      let second = logits.filter { $0 != best }.max() ?? best
      #expect(golden.greedyMinMargin[prompt] <= Double(best - second) + 1e-5)
      #expect(golden.greedyMinMargin[prompt] > 2 * golden.tolerance)
    }
    // The mean NLL follows from the full logits.
    let tokens = golden.prompts[index]
    var sum = 0.0
    for position in 0..<tokens.count - 1 {
      let row = full.row(position).map(Double.init)
      let top = row.max() ?? 0
      sum += top + log(row.reduce(0) { $0 + exp($1 - top) })
      sum -= Double(full[position, Int(tokens[position + 1])])
    }
    let mean = try #require(golden.meanNLL[index])
    #expect(abs(sum / Double(tokens.count - 1) - mean) < 1e-5)
    #expect(zip(golden.lengths, golden.meanNLL).allSatisfy { ($0 == 1) == ($1 == nil) })
    let end = try #require(golden.greedyWithEnd)
    for (output, whole) in zip(end.outputs, golden.greedy) {
      #expect(output == Array(whole.prefix(output.count)))
      #expect(output.count == whole.count || output.last == end.token)
    }
    // Weights: all readable, finite, and of the vocabulary that the logits have.
    let checkpoint = try Checkpoint(directory: folder)
    #expect(checkpoint.unlistedTensors.isEmpty)
    #expect(
      try checkpoint.shape(of: "model.embed_tokens.weight").first == golden.lastLogits.columns)
    for name in checkpoint.tensorNames {
      let type = try checkpoint.tensor(name).elementType
      let stored = ["float32": ElementType.float32, "bfloat16": .bfloat16, "float16": .float16]
      #expect(stored[golden.storageType ?? ""] == type)
      #expect(try checkpoint.floats(name).allSatisfy(\.isFinite))
    }
    #expect(try checkpoint.configuration().first == UInt8(ascii: "{"))
  }

  @Test("our golden folders are consistent in themselves", arguments: own)
  func ownGolden(folder: String) throws { try check(folder) }

  @Test("our golden folders are the three that the generator makes, below 150 KB each")
  func ownGoldenAreThere() throws {
    let names = Self.own.map { $0.split(separator: "/").last.map(String.init) ?? "" }
    #expect(names == ["llama3-tiny", "mistral-tiny", "qwen3-tiny"])
    for folder in Self.own {
      let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      let size = try files.reduce(0) {
        $0
          + (try FileManager.default.attributesOfItem(atPath: "\(folder)/\($1)")[.size] as? Int ?? 0)
      }
      #expect(size > 50_000 && size < 150_000)
    }
  }

  @Test(
    "the shared golden folders are consistent in themselves",
    .enabled(if: sharedFolder != nil, "no shared folder: set PADTAX_SHARED"))
  func sharedGolden() throws {
    #expect(Self.shared.count >= 7)
    for folder in Self.shared { try check(folder) }
  }

  @Test(
    "an encoder's golden folder is refused by its format, and its integer tensors as Float",
    .enabled(if: sharedFolder != nil, "no shared folder: set PADTAX_SHARED"))
  func encoder() throws {
    let folder = "\(sharedFolder ?? "")/golden/bert-mlm-legacy-names"
    let error = checkpointError { _ = try GoldenExpectation(directory: folder) }
    #expect(error?.kind == .malformedExpectation)
    #expect(error?.message.contains("golden-encoder-1") == true)
    let checkpoint = try Checkpoint(directory: folder)
    let name = "bert.embeddings.position_ids"
    #expect(try checkpoint.tensor(name).elementType == .int64)
    #expect(checkpointError { _ = try checkpoint.floats(name) }?.kind == .notFloat)
  }

  @Test(
    "the prompt list of SmolLM2 is read",
    .enabled(if: sharedFolder != nil, "no shared folder: set PADTAX_SHARED"))
  func promptList() throws {
    let path = "\(sharedFolder ?? "")/real/smollm2-135m-expected.json"
    let golden = try GoldenExpectation(promptList: path, tolerance: 1e-3)
    #expect(golden.prompts.first == [504, 3575, 282, 4649, 314])
    #expect(golden.greedy.allSatisfy { $0.count == 24 || $0.last == 2 })
    #expect(golden.lastLogits.rows == 4 && golden.lastLogits.columns == 8)
    #expect(abs(golden.lastLogits[0, 0] - 1.646794) < 1e-6)
    #expect(golden.fullLogits == nil && golden.tolerance == 1e-3)
  }

  @Test("an expectation that is wrong says what and where")
  func malformed() throws {
    let source = "\(packageRoot)/Tests/Golden/qwen3-tiny"
    let text = try String(contentsOfFile: "\(source)/expected.json", encoding: .utf8)
    let tensors = [UInt8](
      try Data(contentsOf: URL(fileURLWithPath: "\(source)/expected.safetensors")))
    func error(_ old: String, _ new: String) throws -> CheckpointError? {
      let folder = try TemporaryFolder()
      try #require(text.contains(old))
      _ = try folder.write(text.replacing(old, with: new), to: "expected.json")
      _ = try folder.write(tensors, to: "expected.safetensors")
      return checkpointError { _ = try GoldenExpectation(directory: folder.path) }
    }
    #expect(try error("\"name\"", "\"name\"") == nil)
    let changes = [
      ("golden-decoder-1", "golden-decoder-2", "golden-decoder-2"),
      ("\"greedy\":", "\"greed\":", "greedy is missing"),
      ("\"lengths\": [3, 11", "\"lengths\": [3, 12", "lengths"),
      ("\"lengths\": [3, 11", "\"lengths\": [3, true", "lengths"),
      ("\"full_logits_index\": 1", "\"full_logits_index\": 5", "full_logits_index 5"),
      ("\"lengths\": [3,", "\"lengths\": [3,,", "at the top"),
    ]
    for (old, new, words) in changes {
      let found = try error(old, new)
      #expect(found?.kind == .malformedExpectation, "\(new)")
      #expect(found?.message.contains(words) == true, "\(found?.message ?? "no error")")
    }
    // Another prompt's full logits have another length.
    let other = try error("\"full_logits_index\": 1", "\"full_logits_index\": 3")
    #expect(other?.kind == .wrongShape)
    #expect(other?.tensor == "full_logits")
    let empty = try TemporaryFolder()
    #expect(!GoldenExpectation.isPresent(in: empty.path))
    #expect(
      checkpointError { _ = try GoldenExpectation(directory: empty.path) }?.kind == .cannotOpen)
    let list = try empty.write("[]", to: "list.json")
    #expect(
      checkpointError { _ = try GoldenExpectation(promptList: list, tolerance: 1) }?.kind
        == .malformedExpectation)
  }
}
