import Statistics

/// The two ways in which the published padding study makes its batches, as samplers of lengths.
///
/// Both force one row to the longest length M, so a target p of the whole batch asks the other B − 1
/// rows for more padding. They draw without correction afterwards: a batch differs from its target
/// as the study's do. For an exact pair use `PaddingTarget`.
///
/// - `fixedMean` (version 1): the other rows' mean μ is fixed and M = μ/f follows from the padding,
///   f = (B(1 − p) − 1)/(B − 1); lengths are normal with mean μ and deviation c·μ, rounded and
///   clamped to [m, M]. c is the spread of the lengths without the longest row, as its labels are.
/// - `fixedLongest` (version 2): M is fixed; the padding proportion x = 1 − L/M of the other rows is
///   beta-distributed with mean p′ = pB/(B − 1) and coefficient of variation c′,
///   1 + c′² = (1 + c²)(B − 1)/B, so that all B rows, the longest with x = 0 included, have mean p
///   and cov_pad c; alpha = p′k, beta = (1 − p′)k, k = (1 − p′)/(p′c′²) − 1. L = M(1 − x), rounded
///   and clamped to [m, M].
///
/// Source: github.com/divide-by-zer0/llm-inference-padding-study: version 1 from
/// `scripts/preprocess_dataset.py` (commit 086fafe), which then takes the prompts of a pool with the
/// closest lengths; version 2's script is not published, its formulas are inferred from
/// `benchmark_dataset_v2` (commit c97a958), from whose lengths these are not told apart by test.
public enum StudyConstruction: Sendable, Hashable, CustomStringConvertible {
  /// Version 1; the mean length of all rows but the longest.
  case fixedMean(Double)
  /// Version 2; the longest row's length, 128 in the study.
  case fixedLongest(Int)

  /// Draws the lengths of one batch, the longest row at a random place.
  ///
  /// - Parameters:
  ///   - cov: the target spread: of the normal lengths (version 1), cov_pad (version 2).
  ///   - batch: the batch's number; each has its own random numbers.
  /// - Throws: where the construction has no parameters for the target, with the valid interval.
  public func lengths(
    rows: Int, padRatio: Double, cov: Double, shortest: Int = 1, seed: UInt64, batch: Int = 0
  ) throws(WorkloadError) -> [Int] {
    precondition(batch >= 0, "batches are numbered from 0")
    guard (2...Batch.mostRows).contains(rows) else {
      throw WorkloadError("\(self): needs 2 to \(Batch.mostRows) rows, found \(rows)")
    }
    let limit = 1 - 1 / Double(rows)
    guard padRatio > 0, padRatio < limit else {
      throw WorkloadError(
        "\(self): the pad ratio \(padRatio) must be above 0 and below 1 − 1/\(rows) = \(limit)")
    }
    guard cov >= 0, cov.isFinite else {
      throw WorkloadError("\(self): the spread \(cov) must be a number of 0 or more")
    }
    let name = "study construction \(self)"
    var random = SequentialRandom(
      seed: seed, stream: CounterRandom.stream(named: name) &+ UInt64(batch))
    let longest: Int
    var lengths: [Int]
    switch self {
    case .fixedMean(let mean):
      longest = try self.longest(rows: rows, padRatio: padRatio)
      try check(shortest, longest)
      lengths = (1..<rows).map { _ in
        Self.whole(mean + cov * mean * random.normal(), shortest, longest)
      }
    case .fixedLongest(let length):
      longest = length
      try check(shortest, longest)
      let (alpha, beta) = try shapes(rows, padRatio, cov)
      lengths = (1..<rows).map { _ in
        let proportion = alpha.isInfinite ? padRatio / limit : random.beta(alpha, beta)
        return Self.whole(Double(longest) * (1 - proportion), shortest, longest)
      }
    }
    lengths.append(longest)
    lengths.shuffle(using: &random)
    return lengths
  }

  /// M: the fixed one, or μ/f rounded.
  public func longest(rows: Int, padRatio: Double) throws(WorkloadError) -> Int {
    switch self {
    case .fixedLongest(let length):
      return length
    case .fixedMean(let mean):
      guard mean >= 1, mean <= Double(Request.longestLength) else {
        throw WorkloadError("\(self): the mean must be 1 to \(Request.longestLength)")
      }
      let factor = (Double(rows) * (1 - padRatio) - 1) / Double(rows - 1)
      let length = (mean / factor).rounded()
      guard factor > 0, length <= Double(Request.longestLength) else {
        throw WorkloadError(
          "\(self): a pad ratio of \(padRatio) needs a longest length of \(length) tokens; the most "
            + "is \(Request.longestLength)")
      }
      return Int(length)
    }
  }

  /// alpha and beta; infinite where all rows are equal.
  private func shapes(
    _ rows: Int, _ padRatio: Double, _ cov: Double
  ) throws(WorkloadError) -> (Double, Double) {
    let others = Double(rows - 1) / Double(rows)
    let mean = padRatio / others
    // The longest row alone spreads the padding by 1/√(B − 1); the beta's variance ends at m(1 − m).
    let least = (1 / others - 1).squareRoot()
    let most = (1 / padRatio - 1).squareRoot()
    guard cov >= least - 1e-9, cov < most else {
      throw WorkloadError(
        "\(self): cov_pad \(cov) is outside \(least) to \(most), which \(rows) rows with pad ratio "
          + "\(padRatio) can have")
    }
    let square = (1 + cov * cov) * others - 1
    guard square > 1e-9 else { return (.infinity, .infinity) }
    let weight = (1 - mean) / (mean * square) - 1
    return (mean * weight, (1 - mean) * weight)
  }

  private func check(_ shortest: Int, _ longest: Int) throws(WorkloadError) {
    for length in [shortest, longest] {
      if let reason = Request.problem(prompt: length) { throw WorkloadError("\(self): \(reason)") }
    }
    guard shortest <= longest else {
      throw WorkloadError(
        "\(self): the shortest length \(shortest) exceeds the longest, \(longest)")
    }
  }

  private static func whole(_ value: Double, _ shortest: Int, _ longest: Int) -> Int {
    Int(max(Double(shortest), min(Double(longest), value.rounded())))
  }

  public var description: String {
    switch self {
    case .fixedMean(let mean): "v1 (mean \(mean))"
    case .fixedLongest(let length): "v2 (longest \(length))"
    }
  }
}
