/// One prompt to serve: how long it is, how much to generate, what it says, when it came.
public struct Request: Sendable, Hashable, Codable {
  /// Unique within a workload; token ids and arrivals are derived from it.
  public let id: Int
  /// Prompt tokens, at least 1.
  public let promptLength: Int
  /// Output tokens wanted, at least 1; nil where the source does not say.
  public let outputLength: Int?
  /// The prompt's token ids, `promptLength` of them, where the source has them.
  public let tokens: [Int32]?
  /// Seconds since the workload's first request.
  public let arrival: Double?

  /// Longest prompt or output accepted; keeps squares and sums of lengths in `Int`.
  public static let longestLength = 1 << 21

  /// Throws on a length outside 1...`longestLength`, token ids that are negative or not as many as
  /// the prompt is long, or an arrival that is negative or not finite.
  public init(
    id: Int, promptLength: Int, outputLength: Int? = nil, tokens: [Int32]? = nil,
    arrival: Double? = nil
  ) throws(WorkloadError) {
    self.id = id
    self.promptLength = promptLength
    self.outputLength = outputLength
    self.tokens = tokens
    self.arrival = arrival
    guard id >= 0 else { throw WorkloadError("request id \(id) is negative") }
    if let reason = Self.problem(prompt: promptLength) {
      throw WorkloadError("request \(id): \(reason)")
    }
    if let output = outputLength, let reason = Self.problem(output: output) {
      throw WorkloadError("request \(id): \(reason)")
    }
    if let tokens, tokens.count != promptLength {
      throw WorkloadError(
        "request \(id) has \(tokens.count) token ids for a prompt of \(promptLength)")
    }
    if let bad = tokens?.first(where: { $0 < 0 }) {
      throw WorkloadError("request \(id) has the token id \(bad); ids are 0 or more")
    }
    if let arrival, !(arrival >= 0 && arrival.isFinite) {
      throw WorkloadError("request \(id) arrives at \(arrival) s; it must be 0 or later")
    }
  }

  static func problem(prompt length: Int) -> String? {
    switch length {
    case 0: "the prompt has zero tokens; it must have at least 1"
    case 1...longestLength: nil
    default: "a prompt of \(length) tokens is impossible; lengths are 1 to \(longestLength)"
    }
  }

  static func problem(output length: Int) -> String? {
    (1...longestLength).contains(length)
      ? nil : "an output of \(length) tokens is impossible; lengths are 1 to \(longestLength)"
  }

  private enum CodingKeys: String, CodingKey {
    case id, promptLength, outputLength, tokens, arrival
  }

  public init(from decoder: any Decoder) throws {
    let keyed = try decoder.container(keyedBy: CodingKeys.self)
    do {
      try self.init(
        id: keyed.decode(Int.self, forKey: .id),
        promptLength: keyed.decode(Int.self, forKey: .promptLength),
        outputLength: keyed.decodeIfPresent(Int.self, forKey: .outputLength),
        tokens: keyed.decodeIfPresent([Int32].self, forKey: .tokens),
        arrival: keyed.decodeIfPresent(Double.self, forKey: .arrival))
    } catch let error as WorkloadError {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: error.message))
    }
  }
}
