import Statistics
import Units

/// Relative errors in four numbers: predicted over measured − 1, signed.
public struct ErrorSummary: Sendable, Hashable, Encodable, CustomStringConvertible {
  public let count: Int
  /// Mean, median and 90th percentile of the absolute errors.
  public let mape: Double
  public let median: Double
  public let p90: Double
  /// Mean of the signed errors.
  public let bias: Double

  /// Nil without an error.
  public init?(_ errors: [Double]) {
    guard let sizes = try? Sample(errors.map(abs)) else { return nil }
    count = errors.count
    mape = errors.reduce(0) { $0 + abs($1) } / Double(errors.count)
    median = sizes.quantile(0.5)
    p90 = sizes.quantile(0.9)
    bias = errors.reduce(0, +) / Double(errors.count)
  }

  public var description: String {
    func percent(_ share: Double) -> String { "\((share * 100).fixed(2)) %" }
    return "n \(count), MAPE \(percent(mape)), median \(percent(median)), 90th percentile "
      + "\(percent(p90)), bias \(percent(bias))"
  }
}
