import Communication
import Costs
import Models
import Records
import Scheduling
import Units

/// What a cell will roughly take, before anything has run: to plan a day, not to predict a figure.
///
/// Time is FLOPs of all slots at an assumed rate, or the weights read once per step at an assumed
/// bandwidth, whichever is more, per rank; stages of a pipeline are taken to be busy all the time, and
/// ranks beyond a machine's cores to wait for one. Memory is weights and the largest KV reservation, in
/// the job's formats, of the fullest rank.
public struct CellEstimate: Hashable, Sendable {
  /// What a rank is taken to reach: one core of a current server CPU.
  public static let flopsPerSecond = 50e9
  public static let bytesPerSecond = 10e9

  public let executions: Int
  public let seconds: Double
  public let bytesPerRank: Int

  /// - Parameters:
  ///   - resolved: the cell's job.
  ///   - cores: those of the only machine; nil when each rank will have its own.
  public init(_ cell: Cell, _ resolved: ResolvedJob, cores: Int?) throws {
    let (model, job, layout) = (resolved.model, cell.job, cell.layout)
    let weights = try (0..<layout.worldSize).map {
      try ShardPlan(model: model, layout: layout, rank: $0)
        .weightBytes(elementBytes: job.numbers.weights.bytes)
    }
    let heaviest = weights.max() ?? 0
    let atOnce = min(layout.worldSize, cores ?? .max)
    let rate = Double(atOnce) * Self.flopsPerSecond
    let turnsOfRanks = Double(layout.worldSize) / Double(atOnce)
    let traffic = try TrafficModel(model: model, layout: layout)
    var seconds = 0.0
    var kvSlots = 0
    for batch in resolved.batches {
      for policy in job.policies {
        let plan = try BatchPlan(
          job.mode, policy, promptLengths: batch.lengths,
          outputLengths: resolved.outputLengths(of: batch), microBatches: job.microBatches,
          padding: job.microBatchPadding, graphs: job.backend.graphs)
        let costs = PlanCosts(traffic: traffic, plans: [plan])
        let flops = [Phase.prefill, .decode, .score].reduce(0) { $0 + costs.phase($1).slotFLOPs }
        let reads = Double(plan.steps.count * heaviest) / Self.bytesPerSecond * turnsOfRanks
        seconds += max(flops / rate, reads)
        kvSlots = max(kvSlots, plan.kvSlotsReserved / layout.data)
      }
    }
    let turns = job.warmup + job.repeats
    executions = turns * resolved.batches.count * job.policies.count
    self.seconds = seconds * Double(turns)
    bytesPerRank =
      heaviest + kvSlots * model.kvBytesPerToken(elementBytes: job.numbers.cache.bytes)
      / (layout.pipeline * min(layout.tensor, model.kvHeads))
  }
}

extension RunPlan {
  /// The cells and what they will roughly take, as lines of text.
  public var overview: [String] {
    get throws {
      var shapes: [String] = []
      var estimates: [String] = []
      var total = 0.0
      for cell in cells {
        let resolved = try ResolvedJob(cell.job, file: "")
        let shape =
          "\(resolved.model.shapeSummary); \(resolved.batches.count) batches, policies "
          + cell.job.policies.map(\.description).joined(separator: ", ")
        if !shapes.contains(shape) { shapes.append(shape) }
        let estimate = try CellEstimate(
          cell, resolved, cores: allocation == nil ? host.cores : nil)
        total += estimate.seconds
        let variation = cell.variation.isEmpty ? "" : "  \(cell.variation)"
        estimates.append(
          "  \(cell.id)  \(estimate.executions) executions, about \(Self.text(estimate.seconds)), "
            + "\(Bytes(estimate.bytesPerRank)) per rank\(variation)")
      }
      let rate = "\(Int(CellEstimate.flopsPerSecond / 1e9)) GFLOP/s"
      let bandwidth = "\(Int(CellEstimate.bytesPerSecond / 1e9)) GB/s"
      let all = "about \(Self.text(total)) in all, if a core does \(rate) and reads \(bandwidth)"
      return ["\(cells.count) cell\(cells.count == 1 ? "" : "s")"] + shapes + estimates + [all]
    }
  }

  static func text(_ seconds: Double) -> String {
    if seconds < 90 { return "\(max(1, Int(seconds.rounded()))) s" }
    if seconds < 5400 { return "\(Int((seconds / 60).rounded())) min" }
    return "\((seconds / 3600).fixed(1)) h"
  }
}
