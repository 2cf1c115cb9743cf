/// Paired permutation test of several hypotheses at once: which of the rows of differences lie above
/// 0, with a false alarm in any of them at most as often as the p-values say.
///
/// Without a change, a pair's two values are exchangeable, so that its differences may take either
/// sign. All rows' differences of one pair change sign together; per pattern of signs the largest
/// statistic over all rows counts, which makes the p-values of a family (Westfall and Young,
/// "Resampling-based multiple testing", 1993, single-step maxT). All 2ⁿ patterns are taken up to
/// n = 12, else `draws` seeded ones and the observed one.
///
/// A row's statistic is √n · mean of its differences, each in units of the median |d| of its scale
/// group and cut at ±`cut` of them, so that an outlier counts no more than a large change. Neither
/// changes with the signs: the test is exact whatever the noise, and needs n ≥ 5 pairs to reach 0.05.
public struct SignFlips: Sendable {
  /// Differences of one row by the pair that they belong to (0 ..< pairs); a row may miss pairs.
  public struct Row: Sendable {
    public var differences: [Int: Double]
    /// Rows with the same name share a scale.
    public var scale: String

    public init(_ differences: [Int: Double], scale: String = "") {
      self.differences = differences
      self.scale = scale
    }
  }

  /// Median |d| is 0.6745 standard deviations of a normal distribution: 3 of them are 2 deviations.
  static let cut = 3.0

  /// Chance, per row, of so large a statistic somewhere in the family when nothing has changed: for
  /// differences above 0, and below.
  public let greater: [Double]
  public let less: [Double]

  public init(rows: [Row], draws: Int = 10_000, seed: UInt64) throws(StatisticsError) {
    for row in rows { try StatisticsError.requireFinite(Array(row.differences.values), "a row") }
    let pairs = (rows.flatMap(\.differences.keys).max() ?? -1) + 1
    let scales = Dictionary(grouping: rows, by: \.scale).mapValues { group in
      (try? Sample(group.flatMap { $0.differences.values.map(\.magnitude) }).median) ?? 0
    }
    // Only rows with differences, as (pair, value) with the factor √n/n in the value.
    let cells = rows.map { row -> [(pair: Int, value: Double)] in
      let scale = scales[row.scale] ?? 0
      let factor = 1 / Double(max(1, row.differences.count)).squareRoot()
      return row.differences.sorted { $0.key < $1.key }.map { pair, difference in
        let units = scale > 0 ? difference / scale : difference == 0 ? 0 : difference.sign.value
        return (pair, min(max(units, -Self.cut), Self.cut) * factor)
      }
    }
    let observed = cells.map { $0.reduce(0) { $0 + $1.value } }
    var signs = [Double](repeating: 1, count: pairs)
    // The observed pattern counts itself.
    var (above, below) = ([Int](repeating: 1, count: rows.count), [Int]())
    below = above
    let isComplete = pairs <= 12
    let patterns = isComplete ? (1 << pairs) - 1 : draws
    let random = CounterRandom(seed: seed, stream: CounterRandom.stream(named: "sign flips"))
    for pattern in 0..<patterns {
      for pair in 0..<pairs {
        let flips =
          isComplete
          ? (pattern + 1) >> pair & 1 == 1
          : random.word(at: UInt64(pattern * pairs + pair)) & 1 == 1
        signs[pair] = flips ? -1 : 1
      }
      var (largest, smallest) = (-Double.infinity, Double.infinity)
      for cell in cells {
        let statistic = cell.reduce(0) { $0 + signs[$1.pair] * $1.value }
        largest = max(largest, statistic)
        smallest = min(smallest, statistic)
      }
      for row in rows.indices {
        // Sums of the same numbers in other signs: equal but for rounding.
        if largest >= observed[row] - 1e-9 { above[row] += 1 }
        if smallest <= observed[row] + 1e-9 { below[row] += 1 }
      }
    }
    greater = above.map { Double($0) / Double(patterns + 1) }
    less = below.map { Double($0) / Double(patterns + 1) }
  }
}

extension FloatingPointSign {
  fileprivate var value: Double { self == .minus ? -1 : 1 }
}
