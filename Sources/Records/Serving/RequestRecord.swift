/// One request of a serving run: when it came and when each of its tokens was there. Seconds count
/// from the start of the run.
public struct RequestRecord: Record, Hashable {
  public static let schemaName = "padtax/request"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var run: ServingRun
  public var request: Int
  /// Kind in the job's mix.
  public var kind: String
  /// Leading prompt tokens that the workload shares between requests.
  public var sharedTokens: Int
  public var promptTokens: Int
  public var outputTokens: Int
  /// When the client meant to send it: latencies count from here.
  public var arrivalSeconds: Double
  /// When it first held a slot.
  public var admittedSeconds: Double
  /// When each output token was there; the first is the first token.
  public var tokenSeconds: [Double]
  /// When its slot and KV blocks were given back.
  public var releasedSeconds: Double
  public var preemptions: Int
  public var recomputedTokens: Int
  public var reusedBlocks: Int
  public var reusedTokens: Int

  public init(
    run: ServingRun, request: Int, kind: String, sharedTokens: Int = 0, promptTokens: Int,
    outputTokens: Int,
    arrivalSeconds: Double, admittedSeconds: Double, tokenSeconds: [Double],
    releasedSeconds: Double, preemptions: Int = 0, recomputedTokens: Int = 0,
    reusedBlocks: Int = 0, reusedTokens: Int = 0
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.run = run
    self.request = request
    self.kind = kind
    self.sharedTokens = sharedTokens
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.arrivalSeconds = arrivalSeconds
    self.admittedSeconds = admittedSeconds
    self.tokenSeconds = tokenSeconds
    self.releasedSeconds = releasedSeconds
    self.preemptions = preemptions
    self.recomputedTokens = recomputedTokens
    self.reusedBlocks = reusedBlocks
    self.reusedTokens = reusedTokens
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, run, request, kind
    case sharedTokens = "shared_tokens"
    case promptTokens = "prompt_tokens"
    case outputTokens = "output_tokens"
    case arrivalSeconds = "arrival_s"
    case admittedSeconds = "admitted_s"
    case tokenSeconds = "token_s"
    case releasedSeconds = "released_s"
    case preemptions
    case recomputedTokens = "recomputed_tokens"
    case reusedBlocks = "reused_blocks"
    case reusedTokens = "reused_tokens"
  }
}

extension RequestRecord {
  var lastTokenSeconds: Double { tokenSeconds.last ?? arrivalSeconds }
  public var completedSeconds: Double { lastTokenSeconds }

  /// `ttft_ms` = first token − arrival, queueing included.
  public var ttftMilliseconds: Double {
    1000 * ((tokenSeconds.first ?? arrivalSeconds) - arrivalSeconds)
  }

  /// `e2el_ms` = last token − arrival.
  public var e2elMilliseconds: Double { 1000 * (lastTokenSeconds - arrivalSeconds) }

  /// `tpot_ms` = (e2el − ttft)/(output tokens − 1); nil for one token.
  public var tpotMilliseconds: Double? {
    tokenSeconds.count > 1
      ? (e2elMilliseconds - ttftMilliseconds) / Double(tokenSeconds.count - 1) : nil
  }

  /// `itl_ms`: the gap before each token but the first.
  public var itlMilliseconds: [Double] {
    zip(tokenSeconds.dropFirst(), tokenSeconds).map { 1000 * ($0 - $1) }
  }
}
