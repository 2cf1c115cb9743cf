import Statistics
import Testing

@Suite struct SequentialDistributionTests {
  /// Mean and variance of many draws, checked within `sigmas` standard errors of exact figures.
  func moments(_ count: Int, _ draw: () -> Double) -> (mean: Double, variance: Double) {
    let values = (0..<count).map { _ in draw() }
    let mean = values.reduce(0, +) / Double(count)
    return (mean, values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count))
  }

  @Test(arguments: [0.05, 0.5, 1, 2.5, 40])
  func gammaHasItsMeanAndVariance(shape: Double) {
    var random = SequentialRandom(seed: 11)
    let count = 20_000
    let found = moments(count) { random.gamma(shape: shape) }
    // Var(s²) ≈ (μ₄ − σ⁴)/n with μ₄ = 3a² + 6a.
    let error = (shape / Double(count)).squareRoot()
    let varianceError = ((2 * shape * shape + 6 * shape) / Double(count)).squareRoot()
    #expect(abs(found.mean - shape) < 4 * error, "\(found)")
    #expect(abs(found.variance - shape) < 4 * varianceError, "\(found)")
  }

  @Test(arguments: [(0.01, 0.03), (0.5, 0.5), (2, 5), (60, 20)])
  func betaHasItsMeanAndVarianceAndStaysInsideZeroToOne(a: Double, b: Double) {
    var random = SequentialRandom(seed: 12)
    var isInside = true
    let found = moments(20_000) {
      let value = random.beta(a, b)
      isInside = isInside && (0...1).contains(value)
      return value
    }
    let mean = a / (a + b)
    let variance = mean * (1 - mean) / (a + b + 1)
    #expect(isInside)
    #expect(abs(found.mean - mean) < 4 * (variance / 20_000).squareRoot(), "\(found)")
    #expect(abs(found.variance - variance) < 0.06 * variance, "\(found), exact \(variance)")
  }

  @Test func normalAndUniformAgreeWithTheCounter() {
    var random = SequentialRandom(seed: 5, stream: 3)
    let counter = CounterRandom(seed: 5, stream: 3)
    #expect(random.uniform() == counter.uniform(at: 0))
    #expect(random.normal() == counter.normal(at: 1))
    #expect(random.integer(below: 10) == Int(counter.integer(below: 10, at: 2)))
  }

  @Test func givesTheSameBitsEverywhere() {
    let expected: [UInt64] = [
      4_618_393_581_132_377_986, 4_593_843_321_318_513_467, 4_605_741_866_829_829_106,
    ]
    var random = SequentialRandom(seed: 1)
    let bits = [random.gamma(shape: 3.5), random.gamma(shape: 0.2), random.beta(2, 3)]
      .map(\.bitPattern)
    #expect(bits == expected, "\(bits)")
  }
}
