import Statistics

/// Draws whole numbers in 0...limit with a given sum and, as closely as it finds, sum of squares.
///
/// A beta draw with the wanted mean and variance gives the shape; a clamped affine map brings its
/// real moments close; rounding and steps of one bring the sum exactly there; then pairs of numbers
/// move against each other, which keeps the sum, until the sum of squares is met. O(count · log
/// limit) typically. `squares` must be possible for the sum (`PaddingRegion.squares`).
struct MomentSearch {
  let count: Int
  let limit: Int
  let sum: Int
  let squares: Int

  func draw(_ random: inout SequentialRandom) -> [Int] {
    guard count > 0 else { return [] }
    var numbers = shaped(&random).map { Int($0.rounded()) }
    fixSum(&numbers, &random)
    fixSquares(&numbers, &random)
    return numbers
  }

  private var mean: Double { Double(sum) / Double(count) }

  /// Real numbers in 0...limit with about the wanted mean and variance.
  private func shaped(_ random: inout SequentialRandom) -> [Double] {
    let (mean, top) = (mean, Double(limit))
    let variance = Double(squares) / Double(count) - mean * mean
    guard variance > 1e-9 * top * top, mean > 0, mean < top else {
      return Array(repeating: mean, count: count)
    }
    // var = share(1 − share)/(weight + 1) on 0...1, alpha = share · weight. Weights below 0.02 give
    // nothing but the ends of the range.
    let share = mean / top
    let weight = max(0.02, share * (1 - share) * top * top / variance - 1)
    var values = (0..<count).map { _ in
      top * random.beta(share * weight, (1 - share) * weight)
    }
    for _ in 0..<40 {
      let center = values.reduce(0, +) / Double(count)
      let spread = values.reduce(0) { $0 + ($1 - center) * ($1 - center) } / Double(count)
      guard spread > 0 else { break }
      let scale = (variance / spread).squareRoot()
      for index in values.indices {
        values[index] = max(0, min(top, mean + (values[index] - center) * scale))
      }
      if (scale - 1).magnitude < 1e-6, (center - mean).magnitude < 1e-6 * top { break }
    }
    return values
  }

  /// Moves numbers, in random order, by equal steps until their sum is right.
  private func fixSum(_ numbers: inout [Int], _ random: inout SequentialRandom) {
    var missing = sum - numbers.reduce(0, +)
    guard missing != 0 else { return }
    var order = Array(0..<count)
    order.shuffle(using: &random)
    while missing != 0 {
      let step = max(1, missing.magnitude / UInt(count))
      for index in order where missing != 0 {
        let room = missing > 0 ? limit - numbers[index] : numbers[index]
        let move = min(room, Int(step), Int(missing.magnitude)) * missing.signum()
        numbers[index] += move
        missing -= move
      }
    }
  }

  /// Moves random pairs against each other, first by 1, then by up to 2, 4, …; at last tries every
  /// pair of up to 1024 numbers until none helps.
  private func fixSquares(_ numbers: inout [Int], _ random: inout SequentialRandom) {
    var missing = squares - numbers.reduce(0) { $0 + $1 * $1 }
    // Σy² and Σy have the same parity: an odd difference of 1 cannot be removed.
    var reach = 1
    while missing.magnitude > 1, count > 1 {
      for _ in 0..<(4 * count) where missing.magnitude > 1 {
        let first = random.integer(below: count)
        let second = random.integer(below: count)
        if first != second { move(&numbers, first, second, reach, &missing) }
      }
      guard reach < limit else { break }
      reach *= 2
    }
    guard missing.magnitude > 1 else { return }
    var chosen = numbers.indices.filter { numbers[$0] > 0 && numbers[$0] < limit }
    if chosen.count < 1024 {
      chosen += numbers.indices.filter { numbers[$0] == 0 || numbers[$0] == limit }
    }
    chosen = Array(chosen.prefix(1024))
    var before = UInt.max
    while missing.magnitude > 1, missing.magnitude < before {
      before = missing.magnitude
      for (place, first) in chosen.enumerated() {
        for second in chosen[..<place] where missing.magnitude > 1 {
          move(&numbers, first, second, limit, &missing)
        }
      }
    }
  }

  /// Moves two numbers apart (squares are missing) or together by at most `reach`, if that brings
  /// the sum of squares closer.
  private func move(
    _ numbers: inout [Int], _ first: Int, _ second: Int, _ reach: Int, _ missing: inout Int
  ) {
    let (high, low) = numbers[first] >= numbers[second] ? (first, second) : (second, first)
    let gap = numbers[high] - numbers[low]
    let isApart = missing > 0
    let room =
      isApart ? min(reach, limit - numbers[high], numbers[low]) : min(reach, gap / 2)
    guard room > 0 else { return }
    let wanted = Double(missing.magnitude)
    let wide = Double(gap)
    // Apart by d adds 2d(gap + d), together takes 2d(gap − d): the real d that meets `missing`.
    let exact =
      isApart
      ? ((wide * wide + 2 * wanted).squareRoot() - wide) / 2
      : (wide - max(0, wide * wide - 2 * wanted).squareRoot()) / 2
    let lower = Int(min(exact, Double(room)))
    var best = (step: 0, missing: missing)
    for step in [lower, lower + 1] where step > 0 && step <= room {
      let change = isApart ? 2 * step * (gap + step) : -2 * step * (gap - step)
      let left = missing - change
      if left.magnitude < best.missing.magnitude { best = (step, left) }
    }
    guard best.step > 0 else { return }
    numbers[high] += isApart ? best.step : -best.step
    numbers[low] += isApart ? -best.step : best.step
    missing = best.missing
  }
}
