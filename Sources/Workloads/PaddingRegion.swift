/// Which pairs of padding and spread B integer lengths in [shortest, longest] can have, exactly.
///
/// The lengths contain `longest` at least once. Rows are counted by their padding y = M − L: Σy = D
/// fixes p = D/(B·M), and Σy² fixes the spread, cov_pad² = B·Σy²/D² − 1. For whole numbers Σy² is
/// least with all other rows as equal as possible and most with as many rows as possible at the
/// ends. The real-valued bounds of METRICS.md, p/((1−p)√(B−1)) ≤ c ≤ √(p/(1−p)·(1 − m/mean)), lie
/// around these; they are not attained where D is no multiple of M − m.
public struct PaddingRegion: Sendable, Hashable {
  public let rows: Int
  public let longest: Int
  public let shortest: Int

  /// Throws on an impossible number of rows, or lengths that are impossible or the wrong way round.
  public init(rows: Int, longest: Int, shortest: Int = 1) throws(WorkloadError) {
    guard (1...Batch.mostRows).contains(rows) else {
      throw WorkloadError("a batch of \(rows) rows is impossible; it has 1 to \(Batch.mostRows)")
    }
    for length in [longest, shortest] {
      if let reason = Request.problem(prompt: length) { throw WorkloadError(reason) }
    }
    guard shortest <= longest else {
      throw WorkloadError("the shortest length \(shortest) exceeds the longest, \(longest)")
    }
    self.rows = rows
    self.longest = longest
    self.shortest = shortest
  }

  /// The most padding of one row, M − m.
  var width: Int { longest - shortest }
  /// Slots of the padded batch, B·M.
  var slots: Int { rows * longest }
  /// The largest Σy: all rows but one at the shortest length.
  var mostPadding: Int { (rows - 1) * width }

  /// Pad ratios that the batch can have: 0 to (B − 1)(M − m)/(B·M).
  public var padRatios: ClosedRange<Double> { padRatios(for: .covLength) }

  /// The same; cov_pad is not defined without padding, so that its least is one padded slot.
  func padRatios(for measure: PaddingSpread.Measure) -> ClosedRange<Double> {
    padRatio(leastPadding(measure))...padRatio(mostPadding)
  }

  func leastPadding(_ measure: PaddingSpread.Measure) -> Int {
    measure == .covPadding ? min(1, mostPadding) : 0
  }

  func padRatio(_ padding: Int) -> Double { Double(padding) / Double(slots) }

  /// The Σy whose pad ratio is closest to `padRatio`; at least 1 where cov_pad must be defined.
  func padding(closestTo padRatio: Double, for measure: PaddingSpread.Measure) -> Int {
    let least = leastPadding(measure)
    let wanted = (padRatio * Double(slots)).rounded()
    return max(least, Int(max(0, min(Double(mostPadding), wanted))))
  }

  /// The smallest and the largest Σy² of rows − 1 whole numbers in 0...width with the sum `padding`.
  func squares(_ padding: Int) -> ClosedRange<Int> {
    guard padding > 0 else { return 0...0 }
    let free = rows - 1
    let (even, extra) = padding.quotientAndRemainder(dividingBy: free)
    let least = (free - extra) * even * even + extra * (even + 1) * (even + 1)
    let (full, rest) = padding.quotientAndRemainder(dividingBy: width)
    return least...(full * width * width + rest * rest)
  }

  /// The spread of rows with Σy = `padding` and Σy² = `squares`; cov_pad needs padding > 0.
  func spread(_ padding: Int, _ squares: Double, _ measure: PaddingSpread.Measure) -> Double {
    guard padding > 0 else { return 0 }
    let sum = Double(padding)
    let covPadding = max(0, Double(rows) * squares / (sum * sum) - 1).squareRoot()
    return measure == .covPadding ? covPadding : covPadding * sum / Double(slots - padding)
  }

  /// The Σy² that gives `spread`, as a real number.
  func squares(_ padding: Int, spread: PaddingSpread) -> Double {
    let sum = Double(padding)
    let covPadding =
      spread.measure == .covPadding ? spread.value : spread.value * Double(slots - padding) / sum
    return sum * sum * (1 + covPadding * covPadding) / Double(rows)
  }

  func spreads(_ padding: Int, _ measure: PaddingSpread.Measure) -> ClosedRange<Double> {
    let range = squares(padding)
    let lower = spread(padding, Double(range.lowerBound), measure)
    return lower...max(lower, spread(padding, Double(range.upperBound), measure))
  }

  /// Spreads that a batch with the pad ratio closest to `padRatio` can have.
  public func spreads(
    padRatio: Double, measure: PaddingSpread.Measure
  ) -> ClosedRange<Double> {
    spreads(padding(closestTo: padRatio, for: measure), measure)
  }

  /// The feasible (Σy, spread) closest to a pair, distances in units of `PaddingTarget`'s tolerances.
  ///
  /// Tries the asked padding first, then 4096 paddings over the whole range and every (or every
  /// 4096th part of the) one around the best. Deterministic.
  func closest(padRatio: Double, spread: PaddingSpread) -> (padding: Int, spread: Double) {
    let wanted = padding(closestTo: padRatio, for: spread.measure)
    var best = (padding: wanted, spread: 0.0)
    var least = Double.infinity
    func visit(_ padding: Int) {
      let range = spreads(padding, spread.measure)
      let reached = min(max(spread.value, range.lowerBound), range.upperBound)
      // What rounding to whole tokens takes away is no distance.
      let dp = max(0, (self.padRatio(padding) - padRatio).magnitude - 0.5 / Double(slots))
      let (x, y) = (
        dp / PaddingTarget.padRatioTolerance,
        (reached - spread.value) / PaddingTarget.spreadTolerance
      )
      if x * x + y * y < least {
        least = x * x + y * y
        best = (padding, reached)
      }
    }
    visit(wanted)
    guard least > 0 else { return best }
    let first = leastPadding(spread.measure)
    var range = first...mostPadding
    while true {
      let step = max(1, range.count / 4096)
      for padding in stride(from: range.lowerBound, through: range.upperBound, by: step) {
        visit(padding)
      }
      guard step > 1 else { return best }
      range = max(first, best.padding - 2 * step)...min(mostPadding, best.padding + 2 * step)
    }
  }
}
