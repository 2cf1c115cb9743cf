import Glibc

/// Which alternative a test is about.
public enum TestSide: String, Sendable, Hashable, Codable, CaseIterable {
  case twoSided = "two-sided"
  /// The first sample (or the differences) tends to be larger.
  case greater
  case less
}

/// A rank test's statistic and how likely at least so extreme a one is without a difference.
public struct RankTest: Sendable, Hashable {
  public let statistic: Double
  public let p: Double
  /// False where the normal approximation was taken.
  public let isExact: Bool

  /// Mann–Whitney U of `first`: pairs (x, y) with x > y, ties counted half.
  ///
  /// Exact for samples of at most 50 together without ties; else the normal approximation with tie
  /// and continuity corrections. O(n₁·n₂·n₁n₂) when exact, O(n log n) else. Source: Mann and Whitney,
  /// Annals of Mathematical Statistics 18 (1947).
  /// - Throws: `StatisticsError` for an empty sample or a value that is not finite.
  public init(
    mannWhitney first: [Double], _ second: [Double], side: TestSide = .twoSided
  ) throws(StatisticsError) {
    _ = try Sample(first)
    _ = try Sample(second)
    let ranked = Ranks(first + second)
    let (m, n) = (first.count, second.count)
    let u =
      compensatedSum(Array(ranked.ranks.prefix(m))) - Double(m * (m + 1)) / 2
    statistic = u
    isExact = m + n <= 50 && ranked.ties.isEmpty
    if isExact {
      let counts = Self.distributionOfU(m, n)
      p = Self.exact(counts, at: Int(u), side)
    } else {
      let total = Double(m + n)
      let tie = ranked.ties.reduce(0.0) { $0 + Double($1 * $1 * $1 - $1) }
      let variance = Double(m * n) / 12 * (total + 1 - tie / (total * (total - 1)))
      p = Self.normal(u - Double(m * n) / 2, variance: variance, continuity: 0.5, side)
    }
  }

  /// Wilcoxon's signed-rank test of paired differences: the sum of the ranks of |d| over d > 0.
  ///
  /// Differences of 0 are dropped. Exact (also with ties, over all signs of the mid-ranks) for up to
  /// 50 differences, else the normal approximation with tie correction. Source: Wilcoxon, Biometrics
  /// Bulletin 1 (1945).
  /// - Throws: `StatisticsError` for no difference or one that is not finite.
  public init(
    signedRank differences: [Double], side: TestSide = .twoSided
  ) throws(StatisticsError) {
    _ = try Sample(differences)
    let values = differences.filter { $0 != 0 }
    let ranked = Ranks(values.map(\.magnitude))
    let rankSum = zip(values, ranked.ranks).reduce(0.0) { $0 + ($1.0 > 0 ? $1.1 : 0) }
    statistic = rankSum
    isExact = values.count <= 50
    if values.isEmpty {
      p = 1
    } else if isExact {
      // Mid-ranks are halves of whole numbers.
      let counts = Self.distributionOfSums(ranked.ranks.map { Int($0 * 2) })
      p = Self.exact(counts, at: Int(rankSum * 2), side)
    } else {
      let n = Double(values.count)
      let tie = ranked.ties.reduce(0.0) { $0 + Double($1 * $1 * $1 - $1) }
      let variance = n * (n + 1) * (2 * n + 1) / 24 - tie / 48
      p = Self.normal(rankSum - n * (n + 1) / 4, variance: variance, continuity: 0, side)
    }
  }

  /// Arrangements of two samples by their U (index), recurrence of Mann and Whitney.
  private static func distributionOfU(_ m: Int, _ n: Int) -> [Double] {
    // row[j][u]: arrangements of i values against j with U = u.
    var row = [[Double]](repeating: [1], count: n + 1)
    for i in 1...m {
      var next: [[Double]] = [[1]]
      for j in 1...n {
        var counts = [Double](repeating: 0, count: i * j + 1)
        for (u, count) in row[j].enumerated() { counts[u + j] += count }
        for (u, count) in next[j - 1].enumerated() { counts[u] += count }
        next.append(counts)
      }
      row = next
    }
    return row[n]
  }

  /// Subsets of `weights` by their sum (index).
  private static func distributionOfSums(_ weights: [Int]) -> [Double] {
    var counts = [Double](repeating: 0, count: weights.reduce(1, +))
    counts[0] = 1
    var top = 0
    for weight in weights {
      for sum in stride(from: top, through: 0, by: -1) { counts[sum + weight] += counts[sum] }
      top += weight
    }
    return counts
  }

  private static func exact(_ counts: [Double], at value: Int, _ side: TestSide) -> Double {
    let total = counts.reduce(0, +)
    let below = counts[...value].reduce(0, +) / total
    let above = counts[value...].reduce(0, +) / total
    switch side {
    case .greater: return above
    case .less: return below
    case .twoSided: return min(1, 2 * min(below, above))
    }
  }

  private static func normal(
    _ difference: Double, variance: Double, continuity: Double, _ side: TestSide
  ) -> Double {
    guard variance > 0 else { return 1 }
    let scale = variance.squareRoot()
    switch side {
    case .greater: return upperTail((difference - continuity) / scale)
    case .less: return upperTail((-difference - continuity) / scale)
    case .twoSided:
      return min(1, 2 * upperTail((difference.magnitude - continuity) / scale))
    }
  }

  private static func upperTail(_ z: Double) -> Double { erfc(z / 2.0.squareRoot()) / 2 }
}

/// Ranks from 1 on, the mean rank for equal values.
struct Ranks {
  var ranks: [Double]
  /// Sizes of the groups of equal values.
  var ties: [Int] = []

  init(_ values: [Double]) {
    let order = values.indices.sorted { values[$0] < values[$1] }
    ranks = [Double](repeating: 0, count: values.count)
    var first = 0
    while first < order.count {
      var end = first + 1
      while end < order.count, values[order[end]] == values[order[first]] { end += 1 }
      for position in first..<end { ranks[order[position]] = Double(first + 1 + end) / 2 }
      if end - first > 1 { ties.append(end - first) }
      first = end
    }
  }
}
