/// The least-squares line y = slope·x + intercept through paired values.
public struct LinearFit: Sendable, Hashable, Codable {
  public let slope: Double
  public let intercept: Double
  /// Coefficient of determination, 1 − Σ residual² / Σ(y − mean)²; 1 where all y are equal.
  public let rSquared: Double

  /// Fits the line; throws on unequal counts, fewer than two points, or x that do not vary.
  public init(x: [Double], y: [Double]) throws(StatisticsError) {
    guard x.count == y.count, x.count >= 2 else {
      throw StatisticsError(
        message: "a linear fit needs two or more pairs, found \(x.count) x and \(y.count) y")
    }
    try StatisticsError.requireFinite(x, "x")
    try StatisticsError.requireFinite(y, "y")
    let n = Double(x.count)
    let (meanX, meanY) = (compensatedSum(x) / n, compensatedSum(y) / n)
    let sxx = compensatedSum(x.map { ($0 - meanX) * ($0 - meanX) })
    let sxy = compensatedSum(zip(x, y).map { ($0 - meanX) * ($1 - meanY) })
    let syy = compensatedSum(y.map { ($0 - meanY) * ($0 - meanY) })
    guard sxx > 0 else {
      throw StatisticsError(message: "a linear fit needs x that vary; all are \(x[0])")
    }
    let slope = sxy / sxx
    let intercept = meanY - slope * meanX
    let residual = compensatedSum(
      zip(x, y).map { ($1 - meanY - slope * ($0 - meanX)) * ($1 - meanY - slope * ($0 - meanX)) })
    self.slope = slope
    self.intercept = intercept
    rSquared = syy > 0 ? 1 - residual / syy : 1
  }

  /// The line's y at `x`.
  public func value(at x: Double) -> Double { slope * x + intercept }
}
