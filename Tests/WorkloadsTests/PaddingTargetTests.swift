import Statistics
import TestSupport
import Testing

@testable import Workloads

@Suite struct PaddingRegionTests {
  /// All multisets of `count` numbers in 0...limit.
  func multisets(_ count: Int, _ limit: Int) -> [[Int]] {
    guard count > 0 else { return [[]] }
    return (0...limit).flatMap { top in multisets(count - 1, top).map { [top] + $0 } }
  }

  @Test func boundsAreThoseOfAllBatchesThatExist() throws {
    // Every batch of 5 rows in 3...9 whose longest is 9, by exhaustion.
    let region = try PaddingRegion(rows: 5, longest: 9, shortest: 3)
    var squares: [Int: Set<Int>] = [:]
    for paddings in multisets(4, 6) {
      squares[paddings.reduce(0, +), default: []].insert(paddings.reduce(0) { $0 + $1 * $1 })
    }
    #expect(region.mostPadding == squares.keys.max())
    for (padding, reached) in squares {
      #expect(region.squares(padding) == reached.min()!...reached.max()!, "Σy = \(padding)")
      let batches = multisets(4, 6).filter { $0.reduce(0, +) == padding }
        .map { try! Batch(id: 0, lengths: [9] + $0.map { 9 - $0 }) }
      let range = region.spreads(padding, .covLength)
      let spreads = batches.map(\.covLength)
      #expect(abs(range.lowerBound - spreads.min()!) < 1e-12)
      #expect(abs(range.upperBound - spreads.max()!) < 1e-12)
      guard padding > 0 else { continue }
      let paddings = batches.compactMap(\.covPadding)
      #expect(abs(region.spreads(padding, .covPadding).lowerBound - paddings.min()!) < 1e-12)
      #expect(abs(region.spreads(padding, .covPadding).upperBound - paddings.max()!) < 1e-12)
    }
  }

  @Test func liesInsideTheBoundsOfTheMetricsPageAndNearThem() throws {
    for (rows, longest, shortest) in [(16, 64, 1), (128, 128, 1), (256, 4096, 32)] {
      let region = try PaddingRegion(rows: rows, longest: longest, shortest: shortest)
      for step in 1...9 {
        let wanted = region.padding(closestTo: Double(step) / 10, for: .covLength)
        let p = region.padRatio(wanted)
        let mean = Double(longest) * (1 - p)
        let lower = p / (1 - p) / Double(rows - 1).squareRoot()
        let upper = (p / (1 - p) * (1 - Double(shortest) / mean)).squareRoot()
        let range = region.spreads(wanted, .covLength)
        #expect(range.lowerBound >= lower - 1e-12 && range.lowerBound < lower + 0.01 / (1 - p))
        // One row between the ends costs at most width²/4 of B times the variance.
        let loss = Double(region.width * region.width) / Double(4 * rows) / (mean * mean)
        #expect(range.upperBound <= upper + 1e-12)
        #expect(range.upperBound * range.upperBound >= upper * upper - loss - 1e-12)
        let covPadding = region.spreads(wanted, .covPadding)
        #expect(abs(covPadding.upperBound - range.upperBound * (1 - p) / p) < 1e-12)
      }
    }
  }

  @Test func findsTheClosestPairOfAll() throws {
    let region = try PaddingRegion(rows: 16, longest: 64)
    func distance(_ a: (Double, Double), _ p: Double, _ c: Double) -> Double {
      let dp = max(0, abs(a.0 - p) - 0.5 / 1024) / 0.01
      return dp * dp + (a.1 - c) * (a.1 - c) / 0.0004
    }
    for (p, c) in [(0.5, 2.0), (0.5, 0.01), (0.99, 0.5), (0.1, 0.9), (0.93, 30)] {
      var best = Double.infinity
      for padding in 0...region.mostPadding {
        let range = region.spreads(padding, .covLength)
        let spread = min(max(c, range.lowerBound), range.upperBound)
        best = min(best, distance((region.padRatio(padding), spread), p, c))
      }
      let found = region.closest(padRatio: p, spread: .init(.covLength, c))
      let reached = distance((region.padRatio(found.padding), found.spread), p, c)
      #expect(abs(reached - best) < 1e-9, "(\(p), \(c)): \(reached), best \(best)")
    }
  }
}

@Suite struct ClosestPairTests {
  @Test func findsTheClosestPairAmongManyPaddings() throws {
    // 30,705 paddings: the search steps over most of them at first.
    let region = try PaddingRegion(rows: 16, longest: 2048)
    for (p, c) in [(0.5, 1.02), (0.4999, 0.2), (0.2, 0.01)] {
      let found = region.closest(padRatio: p, spread: .init(.covLength, c))
      func distance(_ padding: Int) -> Double {
        let range = region.spreads(padding, .covLength)
        let dp = max(0, abs(region.padRatio(padding) - p) - 0.5 / Double(region.slots)) / 0.01
        let ds = (min(max(c, range.lowerBound), range.upperBound) - c) / 0.02
        return dp * dp + ds * ds
      }
      let best = (0...region.mostPadding).map(distance).min()!
      #expect(distance(found.padding) <= best + 1e-9, "(\(p), \(c))")
      #expect(region.spreads(found.padding, .covLength).contains(found.spread))
    }
  }
}

@Suite struct PaddingTargetTests {
  @Test(arguments: [16, 32, 64, 256], [64, 128, 512, 4096])
  func reachesPairsAllOverTheFeasibleRegion(rows: Int, longest: Int) throws {
    for shortest in [1, longest / 16] {
      let region = try PaddingRegion(rows: rows, longest: longest, shortest: shortest)
      for tenth in 1...9 {
        for measure in PaddingSpread.Measure.allCases {
          let p = Double(tenth) / 10
          guard region.padRatios.contains(p) else { continue }
          let range = region.spreads(padRatio: p, measure: measure)
          for share in [0, 0.02, 0.25, 0.5, 0.75, 0.98, 1] {
            let value = range.lowerBound + share * (range.upperBound - range.lowerBound)
            let target = try PaddingTarget(
              rows: rows, padRatio: p, spread: .init(measure, value), longest: longest,
              shortest: shortest)
            let seed = UInt64(tenth * 100 + Int(share * 50))
            let drawn = try target.lengths(seed: seed)
            try check(
              drawn, "B \(rows) m \(shortest) M \(longest) p \(p) \(measure) \(value) seed \(seed)")
          }
        }
      }
    }
  }

  /// The figures by `Batch`, not by the drawing code.
  func check(_ drawn: PaddedLengths, _ place: String) throws {
    let region = drawn.target.region
    let batch = try Batch(id: 0, lengths: drawn.lengths)
    #expect(batch.count == region.rows && batch.longest == region.longest, "\(place)")
    #expect(batch.shortest >= region.shortest, "\(place)")
    let spread =
      drawn.target.spread.measure == .covLength ? batch.covLength : try #require(batch.covPadding)
    #expect(abs(batch.padRatio - drawn.target.padRatio) <= 0.01, "\(place): p \(batch.padRatio)")
    #expect(abs(spread - drawn.target.spread.value) <= 0.02, "\(place): \(spread)")
    #expect(abs(spread - drawn.achievedSpread) < 1e-9 && drawn.isWithinTolerance, "\(place)")
    #expect(abs(batch.padRatio - drawn.achievedPadRatio) < 1e-12, "\(place)")
  }

  @Test func takesTheNearestPairOnlyWhenAsked() throws {
    let target = try PaddingTarget(
      rows: 32, padRatio: 0.5, spread: .init(.covLength, 1.4), longest: 128)
    #expect(!target.isFeasible)
    let found = fileError { _ = try target.lengths(seed: 1) }?.message ?? ""
    #expect(
      found.hasPrefix(
        "32 rows of 1 to 128 tokens, longest exactly 128 cannot have pad ratio 0.5 with cov_len 1.4; "
          + "at that pad ratio cov_len is feasible from 0.1797 to 0.9"), "\(found)")
    let near = target.nearest()
    #expect(near.isFeasible && near.padRatio > 0.5 && near.spread.value < 1.4)
    #expect(found.contains("nearest feasible pair is pad ratio 0."))
    let drawn = try target.lengths(seed: 1, nearest: true)
    #expect(drawn.target == near && drawn.asked == target)
    try check(drawn, "nearest")
    let inside = try PaddingTarget(
      rows: 32, padRatio: 0.5, spread: .init(.covLength, 0.4), longest: 128)
    #expect(inside.nearest() == inside)
  }

  @Test func acceptsThePrintedEndsOfTheInterval() throws {
    for (p, measure) in [(0.5, PaddingSpread.Measure.covLength), (0.3, .covPadding)] {
      let region = try PaddingRegion(rows: 16, longest: 64)
      let range = region.spreads(padRatio: p, measure: measure)
      for (value, isInside) in [
        (range.lowerBound - 0.001, true), (range.upperBound + 0.001, true),
        (range.lowerBound - 0.02, false), (range.upperBound + 0.1, false),
      ] {
        let target = try PaddingTarget(
          rows: 16, padRatio: p, spread: .init(measure, value), longest: 64)
        #expect(target.isFeasible == isInside, "\(p) \(measure) \(value)")
      }
    }
  }

  @Test func refusesTooMuchPaddingWithTheInterval() throws {
    let target = try PaddingTarget(
      rows: 16, padRatio: 0.95, spread: .init(.covLength, 3), longest: 64)
    let found = fileError { try target.requireFeasible() }?.message ?? ""
    // (16 − 1)(64 − 1)/(16 · 64) = 0.92285…
    #expect(
      found.contains("cannot have a pad ratio of 0.95; feasible are 0.0 to 0.9228;"), "\(found)")
    #expect(abs(target.nearest().padRatio - 0.9228) < 3e-3)
  }

  @Test func isDeterministicAndDiffersByBatchAndSeed() throws {
    let target = try PaddingTarget(
      rows: 16, padRatio: 0.5, spread: .init(.covPadding, 0.35), longest: 128)
    let lengths = try target.lengths(seed: 7).lengths
    // Committed bytes: another machine, compiler or library gives the same.
    #expect(lengths == PaddingTargetTests.golden, "\(lengths)")
    #expect(try target.lengths(seed: 8).lengths.sorted() != lengths.sorted())
    #expect(try target.lengths(seed: 7, batch: 1).lengths.sorted() != lengths.sorted())
    let batches = try target.batches(count: 3, seed: 7)
    #expect(batches[0].batch.lengths == lengths && batches.map(\.batch.id) == [0, 1, 2])
  }
  static let golden = [72, 65, 68, 71, 79, 74, 128, 74, 60, 67, 55, 39, 33, 58, 57, 24]

  @Test func putsTheLongestAnywhereAndDrawsMoreThanTwoLengths() throws {
    let target = try PaddingTarget(
      rows: 64, padRatio: 0.5, spread: .init(.covLength, 0.5), longest: 512)
    var places = Set<Int>()
    for seed: UInt64 in 1...20 {
      let lengths = try target.lengths(seed: seed).lengths
      places.insert(lengths.firstIndex(of: 512) ?? -1)
      #expect(Set(lengths).count > 40, "seed \(seed): \(Set(lengths).count) different lengths")
    }
    #expect(places.count > 10)
  }

  @Test func worksForSmallAndDegenerateBatches() throws {
    let one = try PaddingTarget(rows: 1, padRatio: 0, spread: .init(.covLength, 0), longest: 9)
    #expect(try one.lengths(seed: 1).lengths == [9])
    let equal = try PaddingTarget(
      rows: 4, padRatio: 0, spread: .init(.covLength, 0), longest: 9, shortest: 9)
    #expect(try equal.lengths(seed: 1).lengths == [9, 9, 9, 9])
    // The 4096 + 16 case: p = (4096 − 16)/(2 · 4096), cov_pad of (0, x) is 1 whatever x is.
    let pair = try PaddingTarget(
      rows: 2, padRatio: 0.498, spread: .init(.covPadding, 1), longest: 4096, shortest: 16)
    #expect(try pair.lengths(seed: 1).lengths.sorted() == [16, 4096])
    for seed: UInt64 in 1...20 {
      let three = try PaddingTarget(
        rows: 3, padRatio: 0.4, spread: .init(.covLength, 0.6), longest: 1000)
      #expect(try three.lengths(seed: seed).isWithinTolerance)
    }
  }

  @Test func refusesGapsBetweenWholeLengthsButTakesTheNearestThere() throws {
    // Five padded slots: Σy² is 25, 17, 13, 11, 9, 7 or 5; cov_pad 11.961 asks for 23.7.
    let target = try PaddingTarget(
      rows: 152, padRatio: 0.00036, spread: .init(.covPadding, 11.961), longest: 86)
    let found = fileError { _ = try target.lengths(seed: 1) }?.message ?? ""
    #expect(
      target.isFeasible && found.contains("5 padded slots have few sums of squares"), "\(found)")
    let drawn = try target.lengths(seed: 1, nearest: true)
    #expect(!drawn.isWithinTolerance && drawn.lengths.count == 152)
    #expect(drawn.achievedSpread > 11 && drawn.achievedSpread < 12.3)
  }

  @Test func refusesImpossibleTargets() {
    func refuses(
      _ rows: Int, _ p: Double, _ c: Double, _ longest: Int, _ shortest: Int,
      _ measure: PaddingSpread.Measure = .covLength
    ) -> Bool {
      fileError {
        _ = try PaddingTarget(
          rows: rows, padRatio: p, spread: .init(measure, c), longest: longest, shortest: shortest)
      } != nil
    }
    #expect(refuses(0, 0.5, 0.5, 64, 1) && refuses(.max, 0.5, 0.5, 64, 1))
    #expect(refuses(16, 1, 0.5, 64, 1) && refuses(16, -0.1, 0.5, 64, 1))
    #expect(refuses(16, .nan, 0.5, 64, 1) && refuses(16, 0.5, .nan, 64, 1))
    #expect(refuses(16, 0.5, -1, 64, 1) && refuses(16, 0.5, .infinity, 64, 1))
    #expect(refuses(16, 0.5, 0.5, 64, 65) && refuses(16, 0.5, 0.5, 64, 0))
    #expect(refuses(16, 0, 0.5, 64, 64, .covPadding) && refuses(16, 0.5, 0.5, .max, 1))
    #expect(!refuses(16, 0.5, 0.5, 64, 1))
  }
}
