import Statistics

/// Lengths drawn for a padding target, with what was asked for and what was reached.
public struct PaddedLengths: Sendable, Hashable {
  /// The target as given; differs from `target` where the nearest feasible pair was taken.
  public let asked: PaddingTarget
  /// The target that was drawn for.
  public let target: PaddingTarget
  /// Row by row, in random order.
  public let lengths: [Int]
  public let achievedPadRatio: Double
  /// In the target's measure.
  public let achievedSpread: Double

  /// Whether both figures are within their tolerances of `target`. Always so for 16 or more rows,
  /// unless `nearest` was asked for in a gap (see `PaddingTarget.lengths`).
  public var isWithinTolerance: Bool {
    (achievedPadRatio - target.padRatio).magnitude <= PaddingTarget.padRatioTolerance
      && (achievedSpread - target.spread.value).magnitude <= PaddingTarget.spreadTolerance
  }
}

extension PaddingTarget {
  /// Draws the lengths: the same for (target, seed, batch) on every machine.
  ///
  /// One row is the longest. The other rows' padding is drawn from the beta distribution on
  /// 0...M − m with the mean and variance that the whole batch then needs, and moved in small steps
  /// until sum and sum of squares are those of the target (`MomentSearch`).
  /// - Parameter nearest: takes the nearest feasible pair instead of throwing.
  /// - Throws: where the pair is not feasible, with the interval and the nearest feasible pair; also
  ///   where so few slots are padded (about as many as rows or fewer) that whole lengths leave gaps
  ///   inside the interval, with the nearest pair found.
  public func lengths(
    seed: UInt64, batch: Int = 0, nearest: Bool = false
  ) throws(WorkloadError) -> PaddedLengths {
    precondition(batch >= 0, "batches are numbered from 0")
    if !nearest { try requireFeasible() }
    let target = nearest ? self.nearest() : self
    let stream = CounterRandom.stream(named: "padding target")
    var random = SequentialRandom(seed: seed, stream: stream &+ UInt64(batch))
    let closest = region.closest(padRatio: target.padRatio, spread: target.spread)
    var best = drawn(for: target, padding: closest.padding, &random)
    // Few or short rows have few sums of squares: then other paddings and other draws are tried.
    let reach = Int(0.8 * Self.padRatioTolerance * Double(region.slots))
    for attempt in 1...16 where best.spreadError > Self.spreadTolerance / 4 {
      let shift = min((attempt + 1) / 4, reach) * (attempt % 2 == 0 ? 1 : -1)
      let padding = closest.padding + shift
      guard padding >= region.leastPadding(spread.measure), padding <= region.mostPadding else {
        continue
      }
      let other = drawn(for: target, padding: padding, &random)
      if other.spreadError < best.spreadError { best = other }
    }
    if !nearest, region.rows >= Self.guaranteedRows, !best.isWithinTolerance {
      throw WorkloadError(
        "no batch of whole lengths near pad ratio \(Self.text(target.padRatio)), "
          + "\(spread.measure.rawValue) \(Self.text(spread.value)) was found, \(closest.padding) "
          + "padded slots have few sums of squares; the nearest one found has pad ratio "
          + "\(Self.text(best.achievedPadRatio)), \(spread.measure.rawValue) "
          + Self.text(best.achievedSpread))
    }
    var lengths = best.lengths
    lengths.shuffle(using: &random)
    return PaddedLengths(
      asked: best.asked, target: best.target, lengths: lengths,
      achievedPadRatio: best.achievedPadRatio, achievedSpread: best.achievedSpread)
  }

  /// One draw with Σ(M − L) = `padding`, the longest row first.
  private func drawn(
    for target: PaddingTarget, padding: Int, _ random: inout SequentialRandom
  ) -> PaddedLengths {
    let range = region.squares(padding)
    let wanted = padding == 0 ? 0 : region.squares(padding, spread: target.spread).rounded()
    let squares = max(Double(range.lowerBound), min(Double(range.upperBound), wanted))
    let search = MomentSearch(
      count: region.rows - 1, limit: region.width, sum: padding,
      squares: min(range.upperBound, Int(squares)))
    return PaddedLengths(asked: self, target: target, paddings: search.draw(&random))
  }

  /// `count` batches with ids from 0, batch i drawn with number i.
  public func batches(
    count: Int, seed: UInt64, nearest: Bool = false
  ) throws(WorkloadError) -> [(batch: Batch, drawn: PaddedLengths)] {
    guard (1...RequestList.mostRequests).contains(count) else {
      throw WorkloadError(
        "\(count) batches cannot be made; the count is 1 to \(RequestList.mostRequests)")
    }
    var batches: [(batch: Batch, drawn: PaddedLengths)] = []
    for id in 0..<count {
      let drawn = try lengths(seed: seed, batch: id, nearest: nearest)
      batches.append((try Batch(id: id, lengths: drawn.lengths), drawn))
    }
    return batches
  }
}

extension PaddedLengths {
  /// From the paddings of all rows but the longest.
  fileprivate init(asked: PaddingTarget, target: PaddingTarget, paddings: [Int]) {
    let region = target.region
    self.asked = asked
    self.target = target
    lengths = [region.longest] + paddings.map { region.longest - $0 }
    let sum = paddings.reduce(0, +)
    let squares = paddings.reduce(0) { $0 + $1 * $1 }
    achievedPadRatio = region.padRatio(sum)
    achievedSpread = region.spread(sum, Double(squares), target.spread.measure)
  }

  fileprivate var spreadError: Double { (achievedSpread - target.spread.value).magnitude }
}
