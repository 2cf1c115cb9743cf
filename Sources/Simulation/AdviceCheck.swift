import Models
import Records
import Scheduling

/// Advice held against measurements: how much is lost by following it.
public struct AdviceCheck: Sendable {
  /// A layout and policy that was measured.
  public struct Row: Sendable {
    public let name: String
    /// Mean over batches, seconds: as measured, and as priced.
    public let measured: Double
    public let predicted: Double

    public init(name: String, measured: Double, predicted: Double) {
      self.name = name
      self.measured = measured
      self.predicted = predicted
    }
  }

  /// Best prediction first.
  public let rows: [Row]
  public let chosen: Row
  public let best: Row

  /// What the first choice takes beyond the best measured, as a share.
  public var loss: Double { chosen.measured / best.measured - 1 }

  /// - Throws: `SimulationError` without a row.
  public init(_ rows: [Row]) throws(SimulationError) {
    self.rows = rows.sorted { ($0.predicted, $0.name) < ($1.predicted, $1.name) }
    guard let chosen = self.rows.first,
      let best = rows.min(by: { ($0.measured, $0.name) < ($1.measured, $1.name) })
    else { throw SimulationError(.data, "the run has no batch that was measured") }
    self.chosen = chosen
    self.best = best
  }
}

extension AdviceCheck.Row {
  /// The measured policies of one cell, priced on a device; warm-up left out.
  /// - Parameter seconds: which time counts.
  public static func rows(
    _ resolved: ResolvedJob, layout: ParallelLayout, batches: [BatchRecord], prefix: String = "",
    deployment: Deployment, seconds: (Double, Double) -> Double
  ) throws(SimulationError) -> [AdviceCheck.Row] {
    let cell = try SimulatedCell(name: "check", resolved: resolved, deployment: deployment)
    var predicted: [String: [Double]] = [:]
    for index in resolved.batches.indices {
      for record in try cell.run(batch: index).batches {
        predicted[record.policy, default: []].append(
          seconds(record.batchTTFTSeconds, record.totalSeconds))
      }
    }
    return resolved.job.policies.compactMap { policy in
      let own = batches.filter { $0.policy == "\(policy)" && !$0.warmup }
      guard !own.isEmpty, let times = predicted["\(policy)"] else { return nil }
      let measured = own.map { seconds($0.batchTTFTSeconds, $0.totalSeconds) }
      return AdviceCheck.Row(
        name: prefix + "\(layout) \(policy)",
        measured: measured.reduce(0, +) / Double(measured.count),
        predicted: times.reduce(0, +) / Double(times.count))
    }
  }
}
