import Workloads

/// One request to serve, as the scheduler sees it.
public struct ServingRequest: Hashable, Sendable {
  /// Unique among the requests of a run.
  public let id: Int
  public let prompt: PromptContent
  /// Tokens to generate, at least 1.
  public let outputTokens: Int
  /// When the client meant to send it, seconds.
  public let arrival: Double
  /// Smaller goes first under `AdmissionOrder.priority` (as in vLLM).
  public let priority: Int
  /// Tenant's salt (vLLM's `cache_salt`): KV blocks are shared between requests of one salt only.
  public let salt: String

  /// - Throws: `SchedulingError` on an id beyond 32 bits, an empty prompt, no output, or an arrival
  ///   that is negative or not finite.
  public init(
    id: Int, prompt: PromptContent, outputTokens: Int, arrival: Double, priority: Int = 0,
    salt: String = ""
  ) throws(SchedulingError) {
    guard (0...Int(Int32.max)).contains(id) else {
      throw SchedulingError("request id \(id) is not in 0...\(Int32.max)")
    }
    guard prompt.count > 0, outputTokens > 0 else {
      throw SchedulingError(
        "request \(id) has \(prompt.count) prompt and \(outputTokens) output tokens; "
          + "both must be at least 1")
    }
    guard arrival >= 0, arrival.isFinite else {
      throw SchedulingError("request \(id) arrives at \(arrival) s; it must be 0 or later")
    }
    self.id = id
    self.prompt = prompt
    self.outputTokens = outputTokens
    self.arrival = arrival
    self.priority = priority
    self.salt = salt
  }

  /// Tokens that have keys and values when the last one is sampled: that one is never fed.
  public var storedTokens: Int { prompt.count + outputTokens - 1 }
}

/// What a prompt says: its token ids, or, where nobody computes it, which parts it shares with
/// others.
public enum PromptContent: Hashable, Sendable {
  case tokens([Int32])
  /// Segments one after another. Two prompts are equal as far as their segments are.
  case segments([PromptSegment])

  /// Tokens of the prompt.
  public var count: Int {
    switch self {
    case .tokens(let tokens): tokens.count
    case .segments(let segments): segments.reduce(0) { $0 + $1.tokens }
    }
  }
}

/// Tokens that are the same wherever a segment with this content occurs, as far as it goes.
public struct PromptSegment: Hashable, Sendable {
  public let content: UInt64
  public let tokens: Int

  public init(content: UInt64, tokens: Int) {
    precondition(tokens >= 0, "a segment has zero or more tokens")
    self.content = content
    self.tokens = tokens
  }
}

extension ServingRequest {
  /// The request of a workload's entry, as it comes at `arrival`.
  /// - Parameter source: of token ids; nil for a prompt of segments, for what computes none.
  public init(
    _ entry: ServingEntry, tokens source: TokenSource?, arrival: Double
  ) throws(SchedulingError) {
    let prompt: PromptContent
    if let source {
      prompt = .tokens(entry.tokens(from: source))
    } else {
      let own = PromptSegment(
        content: UInt64(entry.id), tokens: entry.promptLength - entry.sharedTokens)
      let shared = PromptSegment(
        content: UInt64(ServingEntry.prefixOwner + entry.prefix), tokens: entry.sharedTokens)
      prompt = .segments(shared.tokens > 0 ? [shared, own] : [own])
    }
    try self.init(
      id: entry.id, prompt: prompt, outputTokens: entry.outputLength, arrival: arrival,
      priority: entry.priority, salt: entry.salt)
  }

  /// The same request, arriving at another time.
  public func arriving(at arrival: Double) throws(SchedulingError) -> ServingRequest {
    try ServingRequest(
      id: id, prompt: prompt, outputTokens: outputTokens, arrival: arrival, priority: priority,
      salt: salt)
  }
}
