import Statistics
import Testing

/// Expected numbers: `scripts/statistics-reference` with numpy 2.4.6 and scipy 1.17.1.
@Suite struct RankTestTests {
  static let sides: [TestSide] = [.twoSided, .less, .greater]

  @Test("Mann–Whitney without ties is exact")
  func exactMannWhitney() throws {
    let x = [3.1, 1.2, 5.5, 2.2, 9.75, 4.4, 0.5]
    let y = [4.1, 6.2, 7.5, 2.3, 8.25, 11.0, 9.0, 5.0]
    for (side, p) in zip(
      Self.sides, [0.09386169386169387, 0.04693084693084693, 0.963947163947164])
    {
      let test = try RankTest(mannWhitney: x, y, side: side)
      #expect(test.statistic == 13 && test.isExact)
      #expect(abs(test.p - p) < 1e-14, "\(side)")
    }
  }

  @Test("Mann–Whitney with ties takes the corrected normal approximation")
  func tiedMannWhitney() throws {
    for (side, p) in zip(
      Self.sides, [0.07029422941876672, 0.03514711470938336, 0.9729967781439576])
    {
      let test = try RankTest(
        mannWhitney: [1, 2, 2, 3, 5, 5, 7], [2, 4, 5, 6, 6, 8, 9, 9], side: side)
      #expect(test.statistic == 12 && !test.isExact)
      #expect(abs(test.p - p) < 1e-14, "\(side)")
    }
    #expect(try RankTest(mannWhitney: [4, 4], [4, 4, 4]).p == 1)
  }

  @Test("the signed-rank test is exact, with ties too, and normal for many pairs")
  func signedRank() throws {
    let d = [0.3, -0.1, 0.5, 0.7, -0.2, 0.9, 1.1, 0.4]
    let ties: [Double] = [1, -1, 2, 2, 3, -3, 4, 0, 5]
    // np.round(np.sin(np.arange(1, 61)) + 0.2, 1), in tenths.
    let many: [Double] = [
      10, 11, 3, -6, -8, -1, 9, 12, 6, -3, -8, -3, 6, 12, 9, -1, -8, -6, 3, 11, 10, 2, -6, -7, 1,
      10,
      12, 5, -5, -8, -2, 8, 12, 7, -2, -8, -4, 5, 12, 9, 0, -7, -6, 2, 11, 11, 3, -6, -8, -1, 9, 12,
      6, -4, -8, -3, 6, 12, 8, -1,
    ].map { $0 / 10 }
    let expected: [([Double], Double, Bool, [Double])] = [
      (d, 33, true, [0.0390625, 0.98828125, 0.01953125]),
      (ties, 29, true, [0.15625, 0.9453125, 0.078125]),
      (many, 1207.5, false, [0.014783304083591907, 0.9926083479582041, 0.007391652041795953]),
    ]
    for (values, sum, isExact, ps) in expected {
      for (side, p) in zip(Self.sides, ps) {
        let test = try RankTest(signedRank: values, side: side)
        #expect(test.statistic == sum && test.isExact == isExact)
        #expect(abs(test.p - p) < 1e-13, "\(side) \(sum)")
      }
    }
    #expect(try RankTest(signedRank: [0, 0]).p == 1)
  }

  @Test("empty and endless samples are refused")
  func refuses() {
    #expect(throws: StatisticsError.self) { try RankTest(mannWhitney: [], [1]) }
    #expect(throws: StatisticsError.self) { try RankTest(mannWhitney: [1], [.nan]) }
    #expect(throws: StatisticsError.self) { try RankTest(signedRank: []) }
  }

  @Test("Holm multiplies the smallest p by the number of tests, the next by one less")
  func holm() {
    let adjusted = MultipleTests.holm([0.01, 0.04, 0.03, 0.005])
    for (found, expected) in zip(adjusted, [0.03, 0.06, 0.06, 0.02]) {
      #expect(abs(found - expected) < 1e-15)
    }
    #expect(MultipleTests.holm([0.9, 0.8]) == [1, 1] && MultipleTests.holm([]).isEmpty)
  }
}

@Suite struct SignFlipsTests {
  private func row(_ values: [Double], _ scale: String = "") -> SignFlips.Row {
    .init(
      Dictionary(uniqueKeysWithValues: values.enumerated().map { ($0, $1) }), scale: scale)
  }

  @Test("one row without large values is the permutation test of its mean")
  func one() throws {
    // scipy.stats.permutation_test((d,), np.mean, permutation_type="samples", alternative="greater").
    let d = [0.3, -0.1, 0.5, 0.7, -0.2, 0.9, 1.1, 0.4]
    let test = try SignFlips(rows: [row(d)], seed: 1)
    #expect(test.greater == [0.01953125])
    // Two of the 256 patterns give as much, three more.
    #expect(test.less == [253.0 / 256])
  }

  @Test("a family's p-values count the largest statistic of all rows")
  func family() throws {
    let strong = [1, 1.1, 0.9, 1.2, 1, 1.05]
    let weak = [0.1, -0.2, 0.15, -0.1, 0.05, 0.2]
    let both = try SignFlips(rows: [row(strong), row(weak)], seed: 1)
    #expect(both.greater[0] == 1.0 / 64)
    #expect(both.greater[1] > (try SignFlips(rows: [row(weak)], seed: 1)).greater[0])
    #expect(both.less.allSatisfy { $0 > 0.5 })
    let turned = try SignFlips(rows: [row(strong.map { -$0 }), row(weak)], seed: 1)
    #expect(turned.less[0] == 1.0 / 64 && turned.greater[0] == 1)
  }

  @Test("one outlier neither makes nor hides a change")
  func outlier() throws {
    let quiet = [0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1]
    let other = try SignFlips(rows: [row(quiet + [50])], seed: 1)
    #expect(other.greater[0] > 0.05)
    // Other rows tell how large noise is.
    let slow = [1, 1.1, 0.9, 1.2, 1, 1.05, 0.95]
    let noise = [0.3, -0.3, 0.2, 0.4, -0.3, -0.2, 0.3, -0.3]
    let hidden = try SignFlips(
      rows: [row(slow + [-50])] + [noise, noise].map { row($0) }, seed: 1)
    #expect(hidden.greater[0] < 0.05)
  }

  @Test("many pairs are drawn, the same for a seed")
  func many() throws {
    let values = (0..<30).map { $0 % 3 == 0 ? -1.0 : 1.0 }
    let first = try SignFlips(rows: [row(values)], draws: 4000, seed: 3)
    #expect(first.greater == (try SignFlips(rows: [row(values)], draws: 4000, seed: 3)).greater)
    // P(20 or more of 30 heads) = 0.0494.
    #expect(abs(first.greater[0] - 0.0494) < 0.015)
  }
}

@Suite struct ClusterTests {
  static let clusters = [[1.0, 1.1, 0.9], [2.0, 2.1, 1.9], [3.0, 3.2, 2.9], [1.5, 1.4, 1.6]]

  @Test("the two-stage bootstrap agrees with numpy's")
  func bootstrap() throws {
    let sample = try ClusteredSample(Self.clusters)
    let interval = sample.bootstrapMedian(resamples: 20_000, seed: 1)
    // scripts/statistics-reference: [1.05, 2.95] of 200 000 resamples.
    #expect(abs(interval.lower - 1.05) < 0.03 && abs(interval.upper - 2.95) < 0.03)
    #expect(interval == sample.bootstrapMedian(resamples: 20_000, seed: 1))
    let pooled = sample.sample.bootstrapMedian(seed: 1)
    #expect(interval.width > 1.4 * pooled.width, "clusters are not independent values")
    let one = try ClusteredSample([Self.clusters[0]])
    #expect(one.bootstrapMedian(seed: 2) == one.sample.bootstrapMedian(seed: 2))
  }

  @Test("variance components agree with scipy's F and the estimators' formulas")
  func components() throws {
    let groups = [[10.1, 10.4, 9.9], [12.0, 12.3, 11.8, 12.1], [9.0, 9.4, 9.1], [11.0, 10.7]]
    let parts = try #require(VarianceComponents(try ClusteredSample(groups)))
    #expect(abs((parts.f ?? 0) - 105.21316165951403) < 1e-9)
    #expect(abs(parts.within - 0.04854166666666672) < 1e-13)
    #expect(abs(parts.between - 1.7180424528301974) < 1e-12)
    #expect(abs(parts.intraclass - 0.972522301015311) < 1e-12)
    let same = try #require(VarianceComponents(try ClusteredSample([[1, 3], [1, 3]])))
    #expect(same.between == 0 && same.intraclass == 0 && same.within == 2)
    #expect(VarianceComponents(try ClusteredSample([[1, 2, 3]])) == nil)
    #expect(VarianceComponents(try ClusteredSample([[1], [2]])) == nil)
  }
}

@Suite struct OutlierTests {
  @Test("what lies far from the median in units of the MAD is marked")
  func marks() throws {
    // Modified z of scripts/statistics-reference: 26.8 at 4, 12.3 at 7, else at most 1.18.
    let sample = try Sample([10, 10.2, 9.9, 10.1, 14.0, 10.05, 9.95, 8.2])
    #expect(sample.outliers() == [4, 7])
    #expect(sample.outliers(limit: 20) == [4])
    #expect(sample.count == 8, "nothing is removed")
    #expect(try Sample([1, 1, 1, 9]).outliers().isEmpty)
    #expect(try Sample([1, 1, 1, 1, 9]).outliers().isEmpty, "no deviation, no scale")
  }

  @Test("warm-up ends where MSER-5 says")
  func steady() throws {
    let warm = Self.warm
    #expect(try SteadyState(warm).warmup == 25)
    #expect(try SteadyState(warm, group: 1).warmup == 17)
    #expect(try SteadyState((0..<100).map(Double.init)).warmup == nil, "a drift never settles")
    #expect(throws: StatisticsError.self) { try SteadyState([1, 2, 3]) }
  }

  /// 10 + 5·exp(−k/6) + 0.3·sin(1.7·k).
  static let warm: [Double] = (0..<100).map { k in
    10 + 5 * PortableMath.exp(-Double(k) / 6) + 0.3 * sine(1.7 * Double(k))
  }

  private static func sine(_ x: Double) -> Double {
    let turn = x - (x / (2 * .pi)).rounded() * 2 * .pi
    var (term, sum) = (turn, turn)
    for n in 1...15 {
      term *= -turn * turn / Double(2 * n * (2 * n + 1))
      sum += term
    }
    return sum
  }
}
