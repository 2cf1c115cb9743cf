extension GoldenExpectation {
  /// The format that `init(directory:)` reads.
  public static let format = "golden-decoder-1"

  /// Reads `expected.json` and `expected.safetensors` of a golden folder and checks them.
  public init(directory: String) throws(CheckpointError) {
    let path = Checkpoint.join(directory, "expected.json")
    let kind = try decodeExpectation(FormatOnly.self, path: path)
    guard kind.format == Self.format else {
      throw CheckpointError(
        .malformedExpectation, file: path,
        "the format is \"\(kind.format)\"; \"\(Self.format)\" can be read")
    }
    let content = try decodeExpectation(DecoderFile.self, path: path)
    let tensors = try SafetensorsFile(path: Checkpoint.join(directory, "expected.safetensors"))
    let index = content.fullLogitsIndex
    let count = content.prompts.count
    func demand(_ isTrue: Bool, _ message: String) throws(CheckpointError) {
      guard isTrue else { throw CheckpointError(.malformedExpectation, file: path, message) }
    }
    try demand(count > 0 && !content.prompts.contains([]), "prompts must be lists of token ids")
    try demand(
      content.lengths == content.prompts.map(\.count), "lengths are not those of the prompts")
    try demand(
      content.greedy.count == count && content.greedyMinMargin.count == count
        && content.meanNLL.count == count
        && content.greedyWithEnd.map { $0.outputs.count == count } != false,
      "greedy, greedy_min_margin, mean_nll_per_prompt and greedy_with_eos.outputs "
        + "must have one entry for each of the \(count) prompts")
    try demand(
      content.prompts.indices.contains(index), "full_logits_index \(index) is not a prompt")
    let last = try Logits(tensors, "last_logits", rows: count)
    let vocabulary = last.columns
    let ids = (content.prompts + content.greedy).joined()
    if let id = ids.first(where: { $0 < 0 || Int($0) >= vocabulary }) {
      try demand(false, "token id \(id) is outside the vocabulary of \(vocabulary)")
    }
    name = content.name
    file = path
    modelType = content.modelType
    storageType = content.storageType
    prompts = content.prompts
    greedy = content.greedy
    greedyMinMargin = content.greedyMinMargin
    greedyWithEnd = content.greedyWithEnd.map { EndToken(token: $0.token, outputs: $0.outputs) }
    lastLogits = last
    fullLogits = try Logits(
      tensors, "full_logits", rows: content.lengths[index], columns: vocabulary)
    fullLogitsIndex = index
    meanNLL = content.meanNLL
    tolerance = content.tolerance.float32
    bfloat16Tolerance = content.tolerance.bfloat16
    padToken = content.padToken
  }

  /// Reads a prompt list: a JSON array of {prompt, ids, greedy, text, min_margin, last_logits_first8}.
  ///
  /// Such a list names no tolerance; `tolerance` is what the caller grants float32 arithmetic.
  public init(promptList path: String, tolerance: Double) throws(CheckpointError) {
    let entries = try decodeExpectation([PromptEntry].self, path: path)
    let columns = entries.first?.lastLogits.count ?? 0
    for (index, entry) in entries.enumerated() {
      guard !entry.ids.isEmpty, entry.ids.allSatisfy({ $0 >= 0 }), entry.lastLogits.count == columns
      else {
        throw CheckpointError(
          .malformedExpectation, file: path,
          "entry \(index) needs token ids from 0 and \(columns) logits")
      }
    }
    guard !entries.isEmpty else {
      throw CheckpointError(.malformedExpectation, file: path, "the list is empty")
    }
    name = entries.map(\.prompt).joined(separator: " | ")
    file = path
    modelType = nil
    storageType = nil
    prompts = entries.map(\.ids)
    greedy = entries.map(\.greedy)
    greedyMinMargin = entries.map(\.minMargin)
    greedyWithEnd = nil
    lastLogits = Logits(
      rows: entries.count, columns: columns, values: entries.flatMap(\.lastLogits))
    fullLogits = nil
    fullLogitsIndex = nil
    meanNLL = entries.map { _ in nil }
    self.tolerance = tolerance
    bfloat16Tolerance = nil
    padToken = 0
  }
}

extension GoldenExpectation.Logits {
  init(
    _ file: SafetensorsFile, _ name: String, rows: Int, columns: Int? = nil
  ) throws(CheckpointError) {
    guard let shape = file.tensor(named: name)?.shape else {
      throw CheckpointError(.missingTensor, file: file.path, tensor: name, "not in this file")
    }
    guard shape.count == 2, shape[0] == rows, columns == nil || shape[1] == columns else {
      throw CheckpointError(
        .wrongShape, file: file.path, tensor: name,
        "has shape \(shape), [\(rows), \(columns.map(String.init) ?? "vocabulary")] is expected")
    }
    self.init(rows: rows, columns: shape[1], values: try file.floats(name))
  }
}

struct FormatOnly: Decodable {
  let format: String
}

private struct DecoderFile: Decodable {
  struct End: Decodable {
    let token: Int32
    let outputs: [[Int32]]
    enum CodingKeys: String, CodingKey {
      case token = "eos_token_id"
      case outputs
    }
  }
  struct Tolerance: Decodable {
    let float32: Double
    let bfloat16: Double?
    enum CodingKeys: String, CodingKey {
      case float32 = "fp32_abs"
      case bfloat16 = "bf16_arithmetic_abs"
    }
  }

  let name: String
  let modelType: String
  let storageType: String
  let prompts: [[Int32]]
  let lengths: [Int]
  let greedy: [[Int32]]
  let greedyMinMargin: [Double]
  let greedyWithEnd: End?
  let fullLogitsIndex: Int
  let meanNLL: [Double?]
  let tolerance: Tolerance
  let padToken: Int32

  enum CodingKeys: String, CodingKey {
    case name, prompts, lengths, greedy
    case modelType = "model_type"
    case storageType = "storage_dtype"
    case greedyMinMargin = "greedy_min_margin"
    case greedyWithEnd = "greedy_with_eos"
    case fullLogitsIndex = "full_logits_index"
    case meanNLL = "mean_nll_per_prompt"
    case tolerance = "suggested_tolerance"
    case padToken = "pad_token_id"
  }
}

private struct PromptEntry: Decodable {
  let prompt: String
  let ids: [Int32]
  let greedy: [Int32]
  let minMargin: Double
  let lastLogits: [Float]

  enum CodingKeys: String, CodingKey {
    case prompt, ids, greedy
    case minMargin = "min_margin"
    case lastLogits = "last_logits_first8"
  }
}
