/// What an encoder must make of given prompts.
///
/// Read from a golden folder: `expected.json` of format `golden-encoder-1` with
/// `expected.safetensors`.
public struct EncoderExpectation: Sendable {
  /// The format that `init(directory:)` reads.
  public static let format = "golden-encoder-1"

  public typealias Rows = GoldenExpectation.Logits

  public let name: String
  /// Path of the JSON file.
  public let file: String
  /// Token ids and token types, one list a prompt, without padding; never empty lists.
  public let prompts: [[Int32]]
  public let tokenTypes: [[Int32]]
  /// Last hidden states, prompts one after the other [tokens of all, hidden].
  public let hidden: Rows
  /// States of first tokens, and means over the tokens of a prompt [prompts, hidden].
  public let first: Rows
  public let mean: Rows
  /// The pooler's output [prompts, hidden]; nil without one.
  public let pooled: Rows?
  /// Logits at first and last tokens [prompts, vocabulary] and at all tokens of one prompt; nil
  /// without an MLM head.
  public let mlm: MLM?
  /// Largest allowed absolute difference in float32 arithmetic.
  public let tolerance: Double

  public struct MLM: Sendable {
    public let first: Rows
    public let last: Rows
    public let full: Rows
    public let fullIndex: Int
    /// Most likely token at each prompt's first position.
    public let firstTokens: [Int32]
  }

  public var lengths: [Int] { prompts.map(\.count) }

  /// Whether the folder has expectations of this format; false when it has none or others.
  public static func isPresent(in directory: String) -> Bool {
    let path = Checkpoint.join(directory, "expected.json")
    guard MappedFile.exists(path) else { return false }
    return (try? decodeExpectation(FormatOnly.self, path: path))?.format == format
  }

  /// Reads and checks both files of a golden folder.
  public init(directory: String) throws(CheckpointError) {
    let path = Checkpoint.join(directory, "expected.json")
    let content = try decodeExpectation(EncoderFile.self, path: path)
    let tensors = try SafetensorsFile(path: Checkpoint.join(directory, "expected.safetensors"))
    func demand(_ isTrue: Bool, _ message: String) throws(CheckpointError) {
      guard isTrue else { throw CheckpointError(.malformedExpectation, file: path, message) }
    }
    try demand(content.format == Self.format, "the format is not \"\(Self.format)\"")
    let count = content.prompts.count
    let lengths = content.prompts.map(\.count)
    try demand(count > 0 && !lengths.contains(0), "prompts must be lists of token ids")
    try demand(content.lengths == lengths, "lengths are not those of the prompts")
    try demand(
      content.tokenTypes.map(\.count) == lengths, "token_type_ids are not one list a prompt")
    try demand(
      (content.prompts + content.tokenTypes).joined().allSatisfy { $0 >= 0 },
      "token ids and types must not be negative")
    name = content.name
    file = path
    prompts = content.prompts
    tokenTypes = content.tokenTypes
    tolerance = content.tolerance.float32
    hidden = try Rows(tensors, "hidden_packed", rows: lengths.reduce(0, +))
    first = try Rows(tensors, "cls_hidden", rows: count, columns: hidden.columns)
    mean = try Rows(tensors, "mean_hidden", rows: count, columns: hidden.columns)
    pooled =
      content.head == "pooler"
      ? try Rows(tensors, "pooled", rows: count, columns: hidden.columns) : nil
    guard content.head == "mlm" else {
      mlm = nil
      return
    }
    let index = content.fullIndex ?? -1
    try demand(lengths.indices.contains(index), "full_logits_index \(index) is not a prompt")
    let firstTokens = content.firstTokens ?? []
    try demand(firstTokens.count == count, "mlm_argmax_first must have one entry a prompt")
    let start = try Rows(tensors, "mlm_first_logits", rows: count)
    mlm = MLM(
      first: start,
      last: try Rows(tensors, "mlm_last_logits", rows: count, columns: start.columns),
      full: try Rows(
        tensors, "mlm_full_logits", rows: lengths[index], columns: start.columns),
      fullIndex: index, firstTokens: firstTokens)
  }
}

private struct EncoderFile: Decodable {
  struct Tolerance: Decodable {
    let float32: Double
    enum CodingKeys: String, CodingKey { case float32 = "fp32_abs" }
  }

  let format: String
  let name: String
  let head: String?
  let prompts: [[Int32]]
  let tokenTypes: [[Int32]]
  let lengths: [Int]
  let fullIndex: Int?
  let firstTokens: [Int32]?
  let tolerance: Tolerance

  enum CodingKeys: String, CodingKey {
    case format, name, head, prompts, lengths
    case tokenTypes = "token_type_ids"
    case fullIndex = "full_logits_index"
    case firstTokens = "mlm_argmax_first"
    case tolerance = "suggested_tolerance"
  }
}
