/// Comparison of one layout and policy with the unsharded, unpadded reference, made before
/// anything is timed.
public struct VerificationRecord: Record, Hashable {
  public static let schemaName = "padtax/verification"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var cell: String
  public var layout: String
  public var policy: String
  public var sequences: Int
  public var tokensPerSequence: Int
  /// Layers of the model that was compared: fewer than it has where the whole of it does not fit.
  public var layers: Int
  /// What was compared; nil in records of before there was a choice.
  public var mode: JobMode?
  /// Largest absolute difference of a logit (in mode `score`, of a token's negative log-likelihood),
  /// and the bound it must keep.
  public var maxLogitError: Double
  public var tolerance: Double
  public var tokensCompared: Int
  /// Tokens that differed though the logits agreed within the bound. Allowed only where the
  /// reference's two best logits are closer than twice the bound; the sequence is compared no
  /// further.
  public var ties: Int
  public var passed: Bool
  /// The first difference in words, when there is one.
  public var failure: String?

  public init(
    cell: String, layout: String, policy: String, sequences: Int, tokensPerSequence: Int,
    layers: Int,
    maxLogitError: Double, tolerance: Double, tokensCompared: Int, ties: Int, passed: Bool,
    failure: String?, mode: JobMode = .generate
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.cell = cell
    self.layout = layout
    self.policy = policy
    self.sequences = sequences
    self.tokensPerSequence = tokensPerSequence
    self.layers = layers
    self.mode = mode
    // JSON has no infinity; an answer that is no number is as wrong as can be.
    self.maxLogitError = maxLogitError.isFinite ? maxLogitError : .greatestFiniteMagnitude
    self.tolerance = tolerance
    self.tokensCompared = tokensCompared
    self.ties = ties
    self.passed = passed
    self.failure = failure
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, cell, layout, policy, sequences
    case tokensPerSequence = "tokens_per_sequence"
    case layers
    case mode = "phase"
    case maxLogitError = "max_logit_error"
    case tolerance
    case tokensCompared = "tokens_compared"
    case ties, passed, failure
  }
}
