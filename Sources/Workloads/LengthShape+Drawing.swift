import Statistics

extension LengthShape {
  /// `count` lengths; number i depends on seed and i only, with the same value on any machine.
  public func lengths(count: Int, seed: UInt64) throws(WorkloadError) -> [Int] {
    try lengths(count: count, seed: seed, stream: "lengths")
  }

  /// The same from the random numbers of a named stream: prompts and outputs are independent.
  func lengths(count: Int, seed: UInt64, stream: String) throws(WorkloadError) -> [Int] {
    try validate()
    guard (1...RequestList.mostRequests).contains(count) else {
      throw WorkloadError(
        "\(count) prompts cannot be generated; the count is 1 to \(RequestList.mostRequests)")
    }
    let random = CounterRandom(seed: seed, stream: CounterRandom.stream(named: stream))
    let draw = sampler(random)
    return (0..<count).map { draw(UInt64($0)) }
  }

  /// The function from index to length; tables are built once.
  private func sampler(_ random: CounterRandom) -> (UInt64) -> Int {
    switch self {
    case .fixed(let length):
      return { _ in length }
    case .uniform(let range):
      return Self.uniform(range, random)
    case .vllmRange(let length, let ratio):
      return Self.uniform(Self.vllmRange(length, ratio), random)
    case .sglangRange(let length, let ratio):
      return Self.uniform(Self.sglangRange(length, ratio), random)
    case .chat(let median, let sigma, let maximum), .logNormal(let median, let sigma, let maximum):
      return { index in
        // |normal| < 8.3 and sigma ≤ 10: within the exponential's range, cut before rounding.
        let value = median * PortableMath.exp(sigma * random.normal(at: index))
        return Int(max(1, min(Double(maximum), value.rounded())))
      }
    case .normal(let mean, let deviation, let maximum):
      return { Self.truncatedNormal(mean, deviation, maximum, random, $0) }
    case .zipf(let exponent, let maximum):
      return Self.zipf(exponent, maximum, random)
    case .bimodal(let short, let long, let share):
      // Systematic sampling: one random start, then a long one at each whole step of index · share.
      let start = random.uniform(at: 0)
      return { index in
        let before = (Double(index) * share + start).rounded(.down)
        return (Double(index + 1) * share + start).rounded(.down) > before ? long : short
      }
    case .empirical(let table):
      let count = UInt64(table.lengths.count)
      return { table.lengths[Int(random.integer(below: count, at: $0))] }
    }
  }

  private static func uniform(
    _ range: ClosedRange<Int>, _ random: CounterRandom
  ) -> (UInt64) -> Int {
    { range.lowerBound + Int(random.integer(below: UInt64(range.count), at: $0)) }
  }

  /// Draws again, up to 1024 times, until the rounded value is in range. `validate` keeps the chance
  /// of a draw inside above 3 % (mean in range, deviation at most ten ranges), so that not one of
  /// 1e13 ends at the mean instead.
  private static func truncatedNormal(
    _ mean: Double, _ deviation: Double, _ maximum: Int, _ random: CounterRandom, _ index: UInt64
  ) -> Int {
    for attempt in 0..<1024 {
      let value = (mean + deviation * random.normal(at: index * 1024 + UInt64(attempt))).rounded()
      if value >= 1, value <= Double(maximum) { return Int(value) }
    }
    return Int(mean)
  }

  /// Inverts the distribution function by binary search.
  private static func zipf(
    _ exponent: Double, _ maximum: Int, _ random: CounterRandom
  ) -> (UInt64) -> Int {
    var sums: [Double] = []
    sums.reserveCapacity(maximum)
    var sum = 0.0
    for length in 1...maximum {
      sum += PortableMath.exp(-exponent * PortableMath.log(Double(length)))
      sums.append(sum)
    }
    let total = sum
    return { index in
      let wanted = random.uniform(at: index) * total
      var (low, high) = (0, maximum - 1)
      while low < high {
        let middle = (low + high) / 2
        if sums[middle] < wanted { low = middle + 1 } else { high = middle }
      }
      return low + 1
    }
  }
}
