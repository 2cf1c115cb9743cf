extension Sample {
  /// A modified z-score above this marks an outlier.
  public static let outlierLimit = 3.5
  /// Fewer values mark none: the deviation of a handful says little.
  public static let fewestForOutliers = 5

  /// Positions in `values` of those far from the median: 0.6745 · |x − median| / MAD above `limit`.
  /// They are marked, not removed; medians hardly feel them. None where half of the values are equal.
  ///
  /// Source: Iglewicz and Hoaglin, "How to detect and handle outliers" (1993).
  public func outliers(limit: Double = outlierLimit) -> [Int] {
    let deviation = medianAbsoluteDeviation
    guard count >= Self.fewestForOutliers, deviation > 0 else { return [] }
    let centre = median
    return values.indices.filter {
      0.6745 * (values[$0] - centre).magnitude / deviation > limit
    }
  }
}

/// Where a series of measurements in order of time has left its warm-up behind.
public struct SteadyState: Sendable, Hashable {
  /// Leading values to leave out; nil when the series is not steady within its first half.
  public let warmup: Int?

  /// MSER-m: means of `group` neighbours; of all cuts in the first half, the one after which the
  /// standard error of the mean, Σ(z − mean)²/k² over the k groups kept, is smallest. A smallest
  /// one at the end of the first half means that the series still drifts.
  ///
  /// Source: White, "An effective truncation heuristic for bias reduction in simulation output",
  /// Simulation 69 (1997); White, Cobb, Spratt (WSC 2000) for groups of five.
  /// - Throws: `StatisticsError` for fewer than four groups or values that are not finite.
  public init(_ series: [Double], group: Int = 5) throws(StatisticsError) {
    precondition(group >= 1, "values are grouped by one or more")
    try StatisticsError.requireFinite(series, "the series")
    let means = stride(from: 0, through: series.count - group, by: group).map {
      compensatedSum(Array(series[$0..<$0 + group])) / Double(group)
    }
    guard means.count >= 4 else {
      throw StatisticsError(
        message: "steady-state detection needs \(4 * group) values or more in groups of \(group), "
          + "found \(series.count)")
    }
    let last = means.count / 2
    var best = (cut: 0, error: Double.infinity)
    for cut in 0...last {
      let kept = Array(means[cut...])
      let mean = compensatedSum(kept) / Double(kept.count)
      let error =
        compensatedSum(kept.map { ($0 - mean) * ($0 - mean) }) / Double(kept.count * kept.count)
      if error < best.error { best = (cut, error) }
    }
    warmup = best.cut == last ? nil : best.cut * group
  }
}
