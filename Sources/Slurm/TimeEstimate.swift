import Models
import Records
import Scheduling

/// A first estimate of how long a layout of a job takes, for `--time`.
///
/// A step costs the larger of its operations at the site's `gflops` per rank and one reading of a
/// rank's weights at its `gbytes-per-second`. Executions are the job's, and one of the first batch
/// by a single rank for the reference. Three times that, five minutes for starting, rounded up to
/// ten minutes.
enum TimeEstimate {
  static func seconds(
    _ resolved: ResolvedJob, _ layout: ParallelLayout, site: SiteSettings
  ) throws -> Int {
    let flops = FLOPCount(resolved.model)
    let weights = try (0..<layout.ranksPerReplica).reduce(0.0) { sum, rank in
      let plan = try ShardPlan(model: resolved.model, layout: layout, rank: rank)
      return sum + Double(plan.weightBytes(elementBytes: resolved.job.numbers.weights.bytes))
    }
    let rate = Double(site.gflops) * 1e9
    let bandwidth = Double(site.gbytesPerSecond) * 1e9
    var once = 0.0
    var reference = 0.0
    for batch in resolved.batches {
      let output = resolved.outputLengths(of: batch).max() ?? 0
      for policy in resolved.job.policies {
        let width = max(batch.longest, policy.widestRow(longest: batch.longest))
        let context = width + output
        let work =
          flops.padded(lengths: batch.lengths, to: width) + Double(output)
          * flops.decodeStep(contexts: Array(repeating: context, count: batch.count))
        let steps = Double(steps(policy, rows: batch.count, width: width, output: output))
        // A stage waits while another one works: the weights of all stages are read in turn.
        let reading = steps * weights / Double(layout.tensor) / bandwidth
        once += max(work / Double(layout.worldSize) / rate, reading)
        if batch == resolved.batches[0] { reference += work / rate }
      }
    }
    let runs = Double(resolved.job.warmup + resolved.job.repeats)
    let seconds = 300 + 3 * (runs * once + reference)
    guard seconds < 1e9 else { return 1_000_000_000 }
    return Int((seconds / 600).rounded(.up)) * 600
  }

  private static func steps(_ policy: Policy, rows: Int, width: Int, output: Int) -> Int {
    switch policy {
    case .oneByOne: rows * (1 + output)
    case .megatronIterative: width + output
    default: 1 + output
    }
  }

  /// `HH:MM:SS`, or `D-HH:MM:SS` from a day on.
  static func text(_ seconds: Int) -> String {
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map(two)
    let days = seconds / 86_400
    return (days > 0 ? "\(days)-" : "") + clock.joined(separator: ":")
  }
}
