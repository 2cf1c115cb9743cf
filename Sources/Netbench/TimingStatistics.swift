import Statistics

/// Smallest, middle and 95th percentile of one rank's slices, in microseconds per call.
public struct RankTiming: Codable, Hashable, Sendable {
  /// Rank in the world.
  public var rank: Int
  public var minimum: Double
  public var median: Double
  public var p95: Double

  enum CodingKeys: String, CodingKey {
    case rank
    case minimum = "min_us"
    case median = "p50_us"
    case p95 = "p95_us"
  }
}

/// The slices of one operation at one size, in microseconds per call. A slice's time is the mean
/// over the ranks that hold a clock, nccl-tests' default.
public struct TimingStatistics: Codable, Hashable, Sendable {
  public var minimum: Double
  public var maximum: Double
  public var average: Double
  public var median: Double
  public var p95: Double
  public var p99: Double
  /// Population standard deviation.
  public var deviation: Double
  /// Deviation over average, in per cent.
  public var variation: Double
  public var ranks: [RankTiming]

  enum CodingKeys: String, CodingKey {
    case minimum = "min_us"
    case maximum = "max_us"
    case average = "avg_us"
    case median = "p50_us"
    case p95 = "p95_us"
    case p99 = "p99_us"
    case deviation = "stdev_us"
    case variation = "cv_pct"
    case ranks
  }

  /// - Parameter slices: microseconds per call, by rank: the rank in the world and one value per
  ///   slice. All have as many values.
  public init(slices: [(rank: Int, values: [Double])]) throws(StatisticsError) {
    precondition(!slices.isEmpty, "somebody held a clock")
    let count = slices[0].values.count
    precondition(slices.allSatisfy { $0.values.count == count }, "every rank has every slice")
    var own: [RankTiming] = []
    for (rank, values) in slices {
      let sample = try Sample(values)
      own.append(
        RankTiming(
          rank: rank, minimum: sample.minimum, median: sample.median,
          p95: sample.quantile(0.95)))
    }
    ranks = own
    let means = (0..<count).map { slice in
      slices.reduce(0) { $0 + $1.values[slice] } / Double(slices.count)
    }
    let sample = try Sample(means)
    minimum = sample.minimum
    maximum = sample.maximum
    average = sample.mean
    median = sample.median
    p95 = sample.quantile(0.95)
    p99 = sample.quantile(0.99)
    deviation = sample.populationStandardDeviation
    variation = average > 0 ? deviation / average * 100 : 0
  }

  /// The smallest slice, each the mean over ranks; 0 of none. What is subtracted must not bring its
  /// own disturbances: those would make other times too short.
  public static func undisturbed(_ slices: [[Double]]) -> Double {
    guard let count = slices.first?.count else { return 0 }
    return (0..<count).map { slice in
      slices.reduce(0) { $0 + $1[slice] } / Double(slices.count)
    }.min() ?? 0
  }
}
