import Records

/// What `padtax compare` tests. The names are those of `docs/METRICS.md`.
public enum ComparisonMetric: String, Sendable, Hashable, Codable, CaseIterable {
  case batchTTFT = "batch_ttft_s"
  case total = "total_s"
  case decode = "decode_tps"

  /// A change for the worse above this fails the gate where nothing else is asked for.
  public static let usualThreshold = 0.05

  /// Of one execution; nil where there is none, such as the decode rate of a score pass.
  public func value(_ record: BatchRecord) -> Double? {
    let value: Double? =
      switch self {
      case .batchTTFT: record.batchTTFTSeconds
      case .total: record.totalSeconds
      case .decode: Metrics.decodeTPS(record)
      }
    return value.flatMap { $0 > 0 && $0.isFinite ? $0 : nil }
  }

  /// How many times slower `new` is: more time, or a lower rate.
  func slowdown(base: Double, new: Double) -> Double {
    self == .decode ? base / new : new / base
  }
}

/// One metric of one cell and policy in two runs.
public struct ComparedRow: Codable, Sendable, Hashable {
  public enum Verdict: String, Codable, Sendable, Hashable {
    /// Slower than the threshold allows, and not by chance: fails the gate.
    case slower
    case faster
    /// Nothing that chance does not explain, or less than the threshold.
    case same
    /// Fewer pairs than any test could decide on.
    case tooFew = "too few"
  }

  public var cell: String
  public var layout: String
  public var variation: String
  public var policy: String
  public var metric: ComparisonMetric
  /// Medians of the executions.
  public var base: Double
  public var new: Double
  /// Median of the pairs' slowdowns − 1: above 0 is worse. With its 95 % interval.
  public var change: Double
  public var lower: Double?
  public var upper: Double?
  public var pairs: Int
  /// Chance of so large a change, for the worse or the better, in any row when nothing has changed.
  public var pSlower: Double
  public var pFaster: Double
  public var threshold: Double
  public var verdict: Verdict

  enum CodingKeys: String, CodingKey {
    case cell, layout, variation, policy, metric, base, new, change, lower, upper, pairs
    case pSlower = "p_slower"
    case pFaster = "p_faster"
    case threshold, verdict
  }
}
