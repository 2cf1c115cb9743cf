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
      for record in try cell.run(unit: index).batches {
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

extension AdviceCheck.Row {
  /// The measured systems of one cell of a serving job, priced on a device; means over loads and repeats.
  /// - Parameter goal: `throughput` counts seconds of an output token, the others means of theirs.
  public static func rows(
    _ resolved: ResolvedJob, _ serving: ServingChoice, records: [ServingRecord],
    prefix: String = "", deployment: Deployment, goal: Advice.Goal
  ) throws(SimulationError) -> [AdviceCheck.Row] {
    func seconds(_ record: ServingRecord) -> Double? {
      switch goal {
      case .throughput: record.metrics["output_throughput"].map { 1 / $0 }
      case .ttft: record.metrics["mean_ttft_ms"].map { $0 / 1000 }
      case .tpot: record.metrics["mean_tpot_ms"].map { $0 / 1000 }
      }
    }
    func mean(_ records: [ServingRecord], _ system: ServingSystem) -> Double? {
      let own = records.filter { $0.run.system == "\(system)" }.compactMap(seconds)
      return own.isEmpty ? nil : own.reduce(0, +) / Double(own.count)
    }
    let cell = try SimulatedServing(
      name: "check", resolved: resolved, serving: serving, deployment: deployment)
    var priced: [ServingRecord] = []
    for unit in 0..<cell.unitCount { priced += try cell.run(unit: unit).serving }
    return serving.systems.compactMap { system in
      guard let measured = mean(records, system), let predicted = mean(priced, system) else {
        return nil
      }
      return AdviceCheck.Row(
        name: prefix + "\(deployment.layout) \(system)", measured: measured, predicted: predicted)
    }
  }
}
