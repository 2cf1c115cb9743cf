import Records
import Scheduling
import Statistics

/// Whether the ratios of a cell are known well enough to stop repeating.
///
/// Per repeat and policy the times of all batches are summed; the ratio to `packed` (or to the first
/// policy, without it) is taken within the repeat. Its median's bootstrap interval narrows with the
/// repeats, for the batches as they are: what they differ in is no noise.
struct Precision {
  let rule: PrecisionRule
  let seed: UInt64
  private let reference: Int
  /// Per policy and measure (TTFT, total) one sum per repeat.
  private var sums: [[[Double]]]

  init(_ rule: PrecisionRule, policies: [Policy], seed: UInt64) {
    self.rule = rule
    self.seed = seed
    reference = policies.firstIndex(of: .packed) ?? 0
    sums = policies.map { _ in [[], []] }
  }

  /// Adds an execution; the first of a repeat opens its sum.
  mutating func add(_ result: BatchRunner.Result, policy: Int, repeat turn: Int) {
    for (measure, seconds) in [result.batchTTFTSeconds, result.totalSeconds].enumerated() {
      if sums[policy][measure].count == turn { sums[policy][measure].append(0) }
      sums[policy][measure][turn] += seconds
    }
  }

  /// True when every ratio's interval is narrow enough, or the cap is reached.
  func isReached() throws -> Bool {
    let repeats = sums[reference][0].count
    if repeats >= rule.mostRepeats { return true }
    guard repeats >= PrecisionRule.fewestRepeats else { return false }
    for policy in sums.indices where policy != reference {
      for measure in 0..<2 {
        let ratio = try PairedRatio(
          numerators: sums[policy][measure], denominators: sums[reference][measure], seed: seed)
        if ratio.interval.width / 2 > rule.halfWidth.fraction * ratio.median { return false }
      }
    }
    return true
  }
}
