/// What numbers are in: the job keys `precision`, `kv-precision` and `message-precision`.
///
/// Sums are fp32 whatever these say, and so is what lies between products, messages and cache.
public struct NumberFormats: Hashable, Sendable, Codable {
  /// Weights, and the inputs of their products.
  public var weights: EngineFormat
  /// Keys and values.
  public var cache: EngineFormat
  /// Hidden states between ranks.
  public var messages: EngineFormat

  public static let single = NumberFormats(weights: .fp32)

  /// - Parameters: `cache` and `messages` are as `weights` when nil.
  public init(
    weights: EngineFormat, cache: EngineFormat? = nil, messages: EngineFormat? = nil
  ) {
    self.weights = weights
    self.cache = cache ?? weights
    self.messages = messages ?? weights
  }

  /// Whether something is coarser than fp32.
  public var isReduced: Bool { self != .single }

  /// The formats that a job's keys say; nil for fp32 throughout.
  static func read(_ job: inout JobNode) throws(RecordError) -> NumberFormats? {
    let formats = NumberFormats(
      weights: try job.choice("precision", EngineFormat.self) ?? .fp32,
      cache: try job.choice("kv-precision", EngineFormat.self),
      messages: try job.choice("message-precision", EngineFormat.self))
    return formats.isReduced ? formats : nil
  }

  var jobLines: [String] {
    [
      "precision: \(weights.rawValue)", "kv-precision: \(cache.rawValue)",
      "message-precision: \(messages.rawValue)",
    ]
  }
}

extension NumberFormats: CustomStringConvertible {
  /// `bf16`, or `bf16 (keys and values fp32)`.
  public var description: String {
    let others = [("keys and values", cache), ("messages", messages)].filter { $0.1 != weights }
    guard !others.isEmpty else { return weights.rawValue }
    return weights.rawValue
      + " (\(others.map { "\($0.0) \($0.1.rawValue)" }.joined(separator: ", ")))"
  }
}

/// What a number is kept in.
public enum EngineFormat: String, Hashable, Sendable, Codable, CaseIterable {
  case fp32
  /// bfloat16.
  case bf16

  /// Bytes of one element.
  public var bytes: Int { self == .fp32 ? 4 : 2 }
}
