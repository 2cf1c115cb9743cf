import JSONReading

/// One entry of a ShareGPT-style list: an object with a length, and perhaps an output length.
///
/// Other fields are passed over. A list of texts has no lengths; `scripts/prompt-lengths` makes them.
struct Conversation: Decodable {
  let promptLength: Int
  let outputLength: Int?
  /// The names under which the lengths were found.
  let promptName: String
  let outputName: String?

  static let promptNames = [
    "prompt_len", "prompt_tokens", "token_length", "input_length", "input_len", "length",
  ]
  static let outputNames = [
    "output_len", "output_tokens", "output_length", "answer_tokens", "completion_tokens",
  ]

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    let keyed = try decoder.container(keyedBy: Key.self)
    let prompts = Self.promptNames.filter { keyed.contains(Key($0)) }
    guard let name = prompts.first, prompts.count == 1 else {
      let choices = Self.promptNames.joined(separator: " ")
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath,
          debugDescription: prompts.isEmpty
            ? "an entry has no length field; known: \(choices). scripts/prompt-lengths makes "
              + "lengths of texts"
            : "an entry has \(prompts.count) length fields: \(prompts.joined(separator: " "))"))
    }
    promptName = name
    promptLength = try keyed.decode(JSONInteger.self, forKey: Key(name)).value
    let output = Self.outputNames.first { keyed.contains(Key($0)) }
    outputName = output
    outputLength = try output.flatMap {
      try keyed.decodeIfPresent(JSONInteger.self, forKey: Key($0))?.value
    }
  }
}
