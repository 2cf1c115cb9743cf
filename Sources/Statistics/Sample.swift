/// What was wrong with numbers handed to a statistic.
public struct StatisticsError: Error, Hashable, Sendable, CustomStringConvertible {
  public let message: String
  public var description: String { message }

  static func requireFinite(_ values: [Double], _ what: String) throws(StatisticsError) {
    for (index, value) in values.enumerated() where !value.isFinite {
      throw StatisticsError(message: "value \(index) of \(what) is \(value); finite numbers only")
    }
  }
}

/// A non-empty set of finite measurements and the figures derived from it.
public struct Sample: Sendable, Hashable {
  /// The measurements in the order given.
  public let values: [Double]
  /// The measurements from smallest to largest.
  public let sorted: [Double]

  /// Keeps `values`; throws when there are none or one is not finite.
  public init(_ values: [Double]) throws(StatisticsError) {
    guard !values.isEmpty else {
      throw StatisticsError(message: "a statistic needs at least one value, found none")
    }
    try StatisticsError.requireFinite(values, "the sample")
    self.values = values
    sorted = values.sorted()
  }

  public var count: Int { values.count }
  public var minimum: Double { sorted[0] }
  public var maximum: Double { sorted[sorted.count - 1] }

  /// The sum with Neumaier's compensation, so that the order of measurements hardly matters.
  public var sum: Double { compensatedSum(values) }

  public var mean: Double { sum / Double(count) }

  /// Population standard deviation, √(Σ(x − mean)²/n): the `std` of records.
  public var populationStandardDeviation: Double {
    (squaredDeviations / Double(count)).squareRoot()
  }

  /// Sample standard deviation, √(Σ(x − mean)²/(n − 1)); nil for a single value.
  public var sampleStandardDeviation: Double? {
    count > 1 ? (squaredDeviations / Double(count - 1)).squareRoot() : nil
  }

  public var median: Double { quantile(0.5) }

  /// Median of |x − median|, not scaled to a normal distribution's standard deviation.
  public var medianAbsoluteDeviation: Double {
    let centre = median
    return interpolatedQuantile(values.map { ($0 - centre).magnitude }.sorted(), 0.5)
  }

  /// The quantile `q` in 0...1 by linear interpolation, numpy's default method.
  public func quantile(_ q: Double) -> Double {
    precondition((0.0...1.0).contains(q), "a quantile lies in 0...1")
    return interpolatedQuantile(sorted, q)
  }

  private var squaredDeviations: Double {
    let centre = mean
    return compensatedSum(values.map { ($0 - centre) * ($0 - centre) })
  }
}

/// Σ values with Neumaier's compensation (Zeitschrift für Angewandte Mathematik und Mechanik 54,
/// 1974).
func compensatedSum(_ values: [Double]) -> Double {
  var (sum, correction) = (0.0, 0.0)
  for value in values {
    let next = sum + value
    correction += sum.magnitude >= value.magnitude ? (sum - next) + value : (value - next) + sum
    sum = next
  }
  return sum + correction
}

/// Linear interpolation between order statistics at position q·(n − 1).
func interpolatedQuantile(_ sorted: [Double], _ q: Double) -> Double {
  let position = q * Double(sorted.count - 1)
  let lower = Int(position)
  guard lower + 1 < sorted.count else { return sorted[sorted.count - 1] }
  let share = position - Double(lower)
  return sorted[lower] + (sorted[lower + 1] - sorted[lower]) * share
}
