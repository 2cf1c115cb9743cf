/// A two-sided interval at a confidence level.
public struct Interval: Sendable, Hashable, Codable {
  public let lower: Double
  public let upper: Double
  /// For example 0.95.
  public let level: Double
  public var width: Double { upper - lower }

  public init(lower: Double, upper: Double, level: Double) {
    precondition(lower <= upper, "an interval's lower end is at most its upper end")
    self.lower = lower
    self.upper = upper
    self.level = level
  }
}

extension Sample {
  /// Percentile bootstrap interval of the median (Efron and Tibshirani 1993, chapter 13).
  ///
  /// Draws `resamples` samples of the same size with replacement; the ends are the (1 ∓ level)/2
  /// quantiles of their medians. Same seed, same interval, on any machine. O(resamples · n log n).
  public func bootstrapMedian(
    level: Double = 0.95, resamples: Int = 2000, seed: UInt64
  ) -> Interval {
    precondition(level > 0 && level < 1, "a confidence level lies between 0 and 1")
    precondition(resamples >= 1, "a bootstrap needs at least one resample")
    let random = CounterRandom(seed: seed, stream: CounterRandom.stream(named: "bootstrap"))
    let size = UInt64(count)
    var medians: [Double] = []
    medians.reserveCapacity(resamples)
    var ranks = [Int](repeating: 0, count: count)
    for round in 0..<resamples {
      // Drawing positions of the sorted values lets a sort of small integers find the median.
      for draw in 0..<count {
        let index = UInt64(round) * size + UInt64(draw)
        ranks[draw] = Int(random.integer(below: size, at: index))
      }
      ranks.sort()
      let upper = sorted[ranks[count / 2]]
      medians.append(count % 2 == 1 ? upper : (sorted[ranks[count / 2 - 1]] + upper) / 2)
    }
    medians.sort()
    let tail = (1 - level) / 2
    return Interval(
      lower: interpolatedQuantile(medians, tail), upper: interpolatedQuantile(medians, 1 - tail),
      level: level)
  }
}

/// Ratios of paired measurements with their median and its bootstrap interval.
public struct PairedRatio: Sendable, Hashable, Codable {
  /// numerators[i] / denominators[i].
  public let ratios: [Double]
  public let median: Double
  public let interval: Interval
  public var count: Int { ratios.count }

  /// Divides pair by pair; throws on unequal counts, no pairs, or a ratio that is not finite.
  public init(
    numerators: [Double], denominators: [Double], level: Double = 0.95, resamples: Int = 2000,
    seed: UInt64
  ) throws(StatisticsError) {
    guard numerators.count == denominators.count else {
      throw StatisticsError(
        message: "paired ratios need pairs, found \(numerators.count) numerators and "
          + "\(denominators.count) denominators")
    }
    for (index, value) in denominators.enumerated() where value == 0 {
      throw StatisticsError(message: "denominator \(index) of the paired ratios is 0")
    }
    let sample = try Sample(zip(numerators, denominators).map { $0 / $1 })
    ratios = sample.values
    median = sample.median
    interval = sample.bootstrapMedian(level: level, resamples: resamples, seed: seed)
  }
}
