/// A spread of lengths, as one of the two coefficients of variation of METRICS.md.
public struct PaddingSpread: Sendable, Hashable, Codable {
  public enum Measure: String, Sendable, Hashable, Codable, CaseIterable {
    /// pstd(L)/mean(L).
    case covLength = "cov_len"
    /// pstd(M − L)/mean(M − L).
    case covPadding = "cov_pad"
  }
  public var measure: Measure
  public var value: Double

  public init(_ measure: Measure, _ value: Double) {
    self.measure = measure
    self.value = value
  }
}

/// A batch that is asked for by its padding: B rows, longest exactly M, a pad ratio and a spread.
///
/// Inside the feasible region (`PaddingRegion`) a drawn batch of 16 or more rows is within 0.01 of
/// the pad ratio and 0.02 of the spread. Outside it `lengths` throws with the feasible interval and
/// the nearest feasible pair; `nearest()` is the target with that pair.
public struct PaddingTarget: Sendable, Hashable {
  public let region: PaddingRegion
  /// p, 0 up to but not including 1.
  public let padRatio: Double
  public let spread: PaddingSpread

  public static let padRatioTolerance = 0.01
  public static let spreadTolerance = 0.02
  /// Fewer rows are drawn as closely as they can be, without a promise.
  public static let guaranteedRows = 16
  /// How far outside the region a target counts as inside: rounded ends of an interval are accepted.
  static let margin = 0.002

  /// Throws on impossible rows, lengths, ratio or spread; not on a pair outside the region.
  public init(
    rows: Int, padRatio: Double, spread: PaddingSpread, longest: Int, shortest: Int = 1
  ) throws(WorkloadError) {
    region = try PaddingRegion(rows: rows, longest: longest, shortest: shortest)
    guard padRatio >= 0, padRatio < 1 else {
      throw WorkloadError("the pad ratio \(padRatio) must be at least 0 and below 1")
    }
    guard spread.value >= 0, spread.value.isFinite else {
      throw WorkloadError(
        "the spread \(spread.measure.rawValue) \(spread.value) must be a number of 0 or more")
    }
    guard spread.measure == .covLength || region.mostPadding > 0 else {
      throw WorkloadError(
        "cov_pad is not defined without padding: \(rows) rows of \(shortest) to \(longest) tokens "
          + "have none; give the spread as cov_len")
    }
    self.padRatio = padRatio
    self.spread = spread
  }

  private init(region: PaddingRegion, padRatio: Double, spread: PaddingSpread) {
    self.region = region
    self.padRatio = padRatio
    self.spread = spread
  }

  /// Whether lengths with this pair exist, up to rounding (0.002 in both).
  public var isFeasible: Bool {
    let closest = region.closest(padRatio: padRatio, spread: spread)
    return (closest.spread - spread.value).magnitude <= Self.margin
      && (region.padRatio(closest.padding) - padRatio).magnitude
        <= max(Self.margin, 0.5000001 / Double(region.slots))
  }

  /// The feasible target closest to this one, distances in units of the two tolerances; a feasible
  /// target itself.
  public func nearest() -> PaddingTarget {
    guard !isFeasible else { return self }
    let closest = region.closest(padRatio: padRatio, spread: spread)
    return PaddingTarget(
      region: region, padRatio: region.padRatio(closest.padding),
      spread: PaddingSpread(spread.measure, closest.spread))
  }

  /// Throws, when the pair is not feasible, with the interval and the nearest feasible pair.
  public func requireFeasible() throws(WorkloadError) {
    guard !isFeasible else { return }
    let measure = spread.measure.rawValue
    let place =
      "\(region.rows) rows of \(region.shortest) to \(region.longest) tokens, longest exactly "
      + "\(region.longest)"
    let ratios = region.padRatios(for: spread.measure)
    let margin = max(Self.margin, 0.5 / Double(region.slots))
    let isRatioFeasible =
      padRatio >= ratios.lowerBound - margin && padRatio <= ratios.upperBound + margin
    let found =
      if isRatioFeasible {
        Self.text(padRatio, at: region, spread)
      } else {
        "a pad ratio of \(Self.text(padRatio)); feasible are \(Self.text(ratios))"
          + (spread.measure == .covPadding ? " where cov_pad is defined" : "")
      }
    let near = nearest()
    throw WorkloadError(
      "\(place) cannot have \(found); the nearest feasible pair is pad ratio "
        + "\(Self.text(near.padRatio)), \(measure) \(Self.text(near.spread.value))")
  }

  private static func text(
    _ padRatio: Double, at region: PaddingRegion, _ spread: PaddingSpread
  ) -> String {
    let range = region.spreads(padRatio: padRatio, measure: spread.measure)
    let name = spread.measure.rawValue
    return "pad ratio \(text(padRatio)) with \(name) \(text(spread.value)); at that pad ratio "
      + "\(name) is feasible from \(text(range))"
  }

  /// `a to b`, the ends rounded inwards where that leaves an interval.
  private static func text(_ range: ClosedRange<Double>) -> String {
    let (lower, upper) = (text(range.lowerBound, .up), text(range.upperBound, .down))
    let isInterval = range.upperBound - range.lowerBound > 0.0002
    return isInterval ? "\(lower) to \(upper)" : "\(text(range.lowerBound)) alone"
  }

  /// Four decimals.
  static func text(
    _ value: Double, _ rounding: FloatingPointRoundingRule = .toNearestOrEven
  ) -> String {
    "\((value * 10_000).rounded(rounding) / 10_000)"
  }
}
