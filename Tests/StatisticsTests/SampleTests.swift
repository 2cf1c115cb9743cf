import Statistics
import Testing

/// Expected numbers: numpy 2.4.6 and scipy 1.17.1, commands beside them.
@Suite struct SampleTests {
  // a = np.array([3.1,1.2,5.5,2.2,9.75,4.4,4.4,0.5])
  static let values = [3.1, 1.2, 5.5, 2.2, 9.75, 4.4, 4.4, 0.5]

  @Test func agreesWithNumpyOnMomentsAndQuantiles() throws {
    let sample = try Sample(Self.values)
    #expect(abs(sample.mean - 3.88125) < 1e-14)  // a.mean()
    #expect(abs(sample.populationStandardDeviation - 2.73083520877771) < 1e-13)  // a.std()
    let deviation = try #require(sample.sampleStandardDeviation)
    #expect(abs(deviation - 2.919385637424422) < 1e-13)  // a.std(ddof=1)
    #expect(sample.median == 3.75)  // np.median(a)
    // [np.quantile(a, q) for q in (0, .05, .25, .9, .99, 1)]
    let expected: [(Double, Double)] = [
      (0, 0.5), (0.05, 0.745), (0.25, 1.95), (0.9, 6.775), (0.99, 9.4525), (1, 9.75),
    ]
    for (q, value) in expected { #expect(abs(sample.quantile(q) - value) < 1e-12, "q = \(q)") }
    #expect(abs(sample.medianAbsoluteDeviation - 1.65) < 1e-12)  // scipy.stats.median_abs_deviation
    #expect(sample.minimum == 0.5 && sample.maximum == 9.75 && sample.count == 8)
  }

  @Test func handlesOneValue() throws {
    let sample = try Sample([2])
    #expect(sample.median == 2 && sample.quantile(0.3) == 2)
    #expect(sample.sampleStandardDeviation == nil)
    #expect(sample.populationStandardDeviation == 0)
    #expect(sample.bootstrapMedian(seed: 1) == Interval(lower: 2, upper: 2, level: 0.95))
  }

  @Test func sumsWithoutLosingSmallTerms() throws {
    #expect(try Sample([1e16, 1, -1e16]).sum == 1)
  }

  @Test func refusesNothingAndWhatIsNotFinite() {
    #expect(throws: StatisticsError.self) { try Sample([]) }
    #expect(throws: StatisticsError.self) { try Sample([1, .nan]) }
    #expect(throws: StatisticsError.self) { try Sample([.infinity]) }
  }

  // d = np.round(np.random.default_rng(1).normal(10, 2, 15), 3)
  // np.quantile(np.median(rng.choice(d, (200000, 15)), axis=1), [.025, .975])  → 9.036, 11.093
  @Test func bootstrapAgreesWithNumpysIntervalForEverySeed() throws {
    let sample = try Sample([
      10.691, 11.643, 10.661, 7.394, 11.811, 10.893, 8.926, 11.162, 10.729, 10.588, 10.057, 11.093,
      8.527, 9.674, 9.036,
    ])
    for seed: UInt64 in [1, 2, 3] {
      let interval = sample.bootstrapMedian(resamples: 4000, seed: seed)
      #expect((8.926...9.674).contains(interval.lower), "seed \(seed)")
      #expect((10.893...11.162).contains(interval.upper), "seed \(seed)")
      #expect(interval == sample.bootstrapMedian(resamples: 4000, seed: seed))
    }
    let narrow = sample.bootstrapMedian(level: 0.5, resamples: 4000, seed: 1)
    #expect(narrow.width < sample.bootstrapMedian(resamples: 4000, seed: 1).width)
  }

  @Test func pairsRatiosInOrder() throws {
    let ratio = try PairedRatio(numerators: [2, 6, 20], denominators: [1, 2, 5], seed: 7)
    #expect(ratio.ratios == [2, 3, 4])
    #expect(ratio.median == 3 && ratio.count == 3)
    #expect(ratio.interval.lower >= 2 && ratio.interval.upper <= 4)
    #expect(throws: StatisticsError.self) {
      try PairedRatio(numerators: [1], denominators: [1, 2], seed: 7)
    }
    #expect(throws: StatisticsError.self) {
      try PairedRatio(numerators: [1], denominators: [0], seed: 7)
    }
    #expect(throws: StatisticsError.self) {
      try PairedRatio(numerators: [], denominators: [], seed: 7)
    }
  }
}

@Suite struct LinearFitTests {
  // scipy.stats.linregress([1,2,3,5,8,13], [2.1,3.9,6.2,9.7,16.5,25.8])
  @Test func agreesWithScipy() throws {
    let fit = try LinearFit(x: [1, 2, 3, 5, 8, 13], y: [2.1, 3.9, 6.2, 9.7, 16.5, 25.8])
    #expect(abs(fit.slope - 1.9934210526315788) < 1e-12)
    #expect(abs(fit.intercept - 0.0684210526315816) < 1e-12)
    #expect(abs(fit.rSquared - 0.9989358785204142) < 1e-12)
    #expect(abs(fit.value(at: 2) - 4.0552631578947) < 1e-12)
  }

  @Test func refusesWhatHasNoLine() {
    #expect(throws: StatisticsError.self) { try LinearFit(x: [1], y: [1]) }
    #expect(throws: StatisticsError.self) { try LinearFit(x: [1, 1], y: [1, 2]) }
    #expect(throws: StatisticsError.self) { try LinearFit(x: [1, 2], y: [1]) }
    #expect(throws: StatisticsError.self) { try LinearFit(x: [1, 2], y: [1, .nan]) }
  }
}
