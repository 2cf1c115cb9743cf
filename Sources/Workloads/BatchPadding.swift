import Units

/// A pad ratio and a spread, as a study asks for them.
public struct PaddingPair: Sendable, Hashable, Codable {
  public var padRatio: Double
  public var spread: PaddingSpread

  public init(padRatio: Double, spread: PaddingSpread) {
    self.padRatio = padRatio
    self.spread = spread
  }

  enum CodingKeys: String, CodingKey {
    case padRatio = "pad_ratio"
    case spread
  }
}

/// The padding of a batch padded to its longest prompt, beside what was asked for.
public struct BatchPadding: Sendable, Hashable, Codable {
  public var padRatio: Double
  public var covLength: Double
  /// nil where nothing is padded.
  public var covPadding: Double?
  /// nil for batches that were not made to have a certain padding.
  public var target: PaddingPair?

  public init(
    padRatio: Double, covLength: Double, covPadding: Double?, target: PaddingPair? = nil
  ) {
    self.padRatio = padRatio
    self.covLength = covLength
    self.covPadding = covPadding
    self.target = target
  }

  /// The achieved spread in the target's measure; nil without a target.
  public var targetedSpread: Double? {
    switch target?.spread.measure {
    case .covLength: covLength
    case .covPadding: covPadding
    case nil: nil
    }
  }

  enum CodingKeys: String, CodingKey {
    case padRatio = "pad_ratio"
    case covLength = "cov_len"
    case covPadding = "cov_pad"
    case target
  }
}

extension PaddingSpread {
  /// `cov_pad 0.2500`.
  public var text: String { "\(measure.rawValue) \(value.fixed(4))" }
}

extension Batch {
  public var padding: BatchPadding {
    BatchPadding(
      padRatio: padRatio, covLength: covLength, covPadding: covPadding, target: target)
  }
}
