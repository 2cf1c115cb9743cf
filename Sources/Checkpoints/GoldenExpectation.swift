import FoundationEssentials

/// What a model must answer to given prompts: logits, greedy tokens, tolerances.
///
/// Read from a golden folder (`expected.json` of format `golden-decoder-1` with
/// `expected.safetensors`), or from a prompt list (a JSON array with ids, greedy tokens and the first
/// few logits), which real checkpoints have.
public struct GoldenExpectation: Sendable {
  /// Row-major values [rows, columns].
  public struct Logits: Sendable, Hashable {
    public let rows: Int
    public let columns: Int
    public let values: [Float]

    public init(rows: Int, columns: Int, values: [Float]) {
      precondition(values.count == rows * columns, "logits need rows x columns values")
      self.rows = rows
      self.columns = columns
      self.values = values
    }

    public subscript(row: Int, column: Int) -> Float { values[row * columns + column] }
    public func row(_ row: Int) -> ArraySlice<Float> {
      values[row * columns..<(row + 1) * columns]
    }
  }

  /// Greedy outputs cut after the first end token, which is included.
  public struct EndToken: Sendable, Hashable {
    public let token: Int32
    public let outputs: [[Int32]]
  }

  public let name: String
  /// Path of the JSON file.
  public let file: String
  /// `model_type` of the configuration; nil in a prompt list.
  public let modelType: String?
  /// Element type of the stored weights in PyTorch's words, such as `bfloat16`; nil in a prompt list.
  public let storageType: String?
  /// Token ids, one list a prompt, without padding; never empty lists.
  public let prompts: [[Int32]]
  /// Newly generated tokens, one list a prompt.
  public let greedy: [[Int32]]
  /// Smallest gap between the two best logits met while generating, per prompt.
  public let greedyMinMargin: [Double]
  public let greedyWithEnd: EndToken?
  /// Logits of each prompt's last token [prompts, vocabulary]; a prompt list has the first few columns.
  public let lastLogits: Logits
  /// Logits of all tokens [length, vocabulary] of prompt `fullLogitsIndex`.
  public let fullLogits: Logits?
  public let fullLogitsIndex: Int?
  /// Teacher-forced mean negative log likelihood in nats; nil for a prompt of one token.
  public let meanNLL: [Double?]
  /// Largest allowed difference of a logit for float32 arithmetic on the stored weights.
  public let tolerance: Double
  /// The same for bf16 arithmetic, where it was measured.
  public let bfloat16Tolerance: Double?
  public let padToken: Int32

  public var lengths: [Int] { prompts.map(\.count) }

  /// Whether the folder has an `expected.json`.
  public static func isPresent(in directory: String) -> Bool {
    MappedFile.exists(Checkpoint.join(directory, "expected.json"))
  }
}

/// Decodes an expectation file and words what is wrong with it.
func decodeExpectation<Content: Decodable>(
  _ type: Content.Type, path: String
) throws(CheckpointError) -> Content {
  let content = try MappedFile.contents(of: path, limit: 256 << 20)
  do {
    return try JSONDecoder().decode(type, from: Data(content))
  } catch let error as DecodingError {
    throw CheckpointError(.malformedExpectation, file: path, summary(of: error))
  } catch {
    throw CheckpointError(.malformedExpectation, file: path, "\(error)")
  }
}

private func summary(of error: DecodingError) -> String {
  func at(_ path: [any CodingKey]) -> String {
    path.isEmpty ? "at the top" : "at " + path.map(\.stringValue).joined(separator: "/")
  }
  return switch error {
  case .keyNotFound(let key, let context): "\(key.stringValue) is missing \(at(context.codingPath))"
  case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
    "\(type) is expected \(at(context.codingPath))"
  case .dataCorrupted(let context): "\(context.debugDescription) \(at(context.codingPath))"
  @unknown default: "\(error)"
  }
}
