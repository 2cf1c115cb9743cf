import Statistics

/// A distribution of prompt lengths to draw from by seed.
public enum LengthShape: Sendable, Hashable {
  /// Every prompt the same.
  case fixed(Int)
  /// Each length in the range equally likely.
  case uniform(ClosedRange<Int>)
  /// Right-skewed as chat prompts are: log-normal with this median and this standard deviation of
  /// the logarithm, rounded, at least 1, cut at `maximum` (longer ones become `maximum`).
  case chat(median: Double, sigma: Double, maximum: Int)

  /// Chat prompts with median 24 tokens, cut at 128; sigma 1.1 puts about 6 % at the cut.
  public static let chat128 = LengthShape.chat(median: 24, sigma: 1.1, maximum: 128)

  /// Throws when a parameter is impossible.
  public func validate() throws(WorkloadError) {
    switch self {
    case .fixed(let length):
      if let reason = Request.problem(prompt: length) { throw WorkloadError("fixed: \(reason)") }
    case .uniform(let range):
      for bound in [range.lowerBound, range.upperBound] {
        if let reason = Request.problem(prompt: bound) { throw WorkloadError("uniform: \(reason)") }
      }
    case .chat(let median, let sigma, let maximum):
      if let reason = Request.problem(prompt: maximum) { throw WorkloadError("chat: \(reason)") }
      guard median >= 1, median <= Double(maximum) else {
        throw WorkloadError("chat: the median \(median) must lie in 1...\(maximum), the maximum")
      }
      guard sigma > 0, sigma <= 10 else {
        throw WorkloadError("chat: sigma \(sigma) must be above 0 and at most 10")
      }
    }
  }

  /// `count` lengths; number i depends on seed and i only, with the same value on any machine.
  public func lengths(count: Int, seed: UInt64) throws(WorkloadError) -> [Int] {
    try validate()
    guard (1...RequestList.mostRequests).contains(count) else {
      throw WorkloadError(
        "\(count) prompts cannot be generated; the count is 1 to \(RequestList.mostRequests)")
    }
    let random = CounterRandom(seed: seed, stream: CounterRandom.stream(named: "lengths"))
    return (0..<count).map { length(random, UInt64($0)) }
  }

  private func length(_ random: CounterRandom, _ index: UInt64) -> Int {
    switch self {
    case .fixed(let length): return length
    case .uniform(let range):
      return range.lowerBound + Int(random.integer(below: UInt64(range.count), at: index))
    case .chat(let median, let sigma, let maximum):
      // |normal| < 8.3 and sigma ≤ 10: within the exponential's range, cut before rounding.
      let value = median * PortableMath.exp(sigma * random.normal(at: index))
      return Int(max(1, min(Double(maximum), value.rounded())))
    }
  }
}

extension LengthShape: CustomStringConvertible {
  public var description: String {
    switch self {
    case .fixed(let length): "fixed, \(length) tokens"
    case .uniform(let range): "uniform, \(range.lowerBound) to \(range.upperBound) tokens"
    case .chat(let median, let sigma, let maximum):
      "chat (log-normal), median \(median) tokens, sigma \(sigma), cut at \(maximum)"
    }
  }
}
