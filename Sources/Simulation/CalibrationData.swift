import Hardware
import Models
import Networks
import Records
import Scheduling
import Statistics

/// What a run measured of one batch under one policy and layout, with the plans that were run.
public struct CalibrationRow: Sendable {
  /// The cell, policy and batch in words.
  public let name: String
  public let policy: Policy
  public let deployment: Int
  let plans: [BatchPlan]
  /// Medians over repeats, seconds.
  public let batchTTFT: Double
  /// Of one decode step; nil where there was none.
  public let step: Double?
  /// Whether the fit is to see it.
  public let isHeldOut: Bool

  /// Steps of the longest replica.
  static func decodeSteps(_ plans: [BatchPlan]) -> Int {
    plans.map { $0.steps.count { $0.phase == .decode } }.max() ?? 0
  }
}

/// The rows of runs, and under what each was measured.
public struct CalibrationData: Sendable {
  /// A layout of a job: all of a deployment but the device.
  struct Setting: Sendable {
    let model: ModelConfiguration
    let layout: ParallelLayout
    let network: Network
    let nodes: [Int]
    let settings: Deployment.Settings
  }

  public private(set) var rows: [CalibrationRow] = []
  var settings: [Setting] = []
  /// The network's name as jobs write it.
  public private(set) var network = ""

  public init() {}

  /// Adds one measured cell; of each layout and policy, a seeded share of the batches is held out.
  ///
  /// - Parameters:
  ///   - resolved: the cell's job.
  ///   - heldOut: the share of batches that the fit does not see, of each policy.
  /// - Throws: `SimulationError` where the job cannot be priced.
  public mutating func add(
    cell: String, _ resolved: ResolvedJob, batches: [BatchRecord], heldOut: Double, seed: UInt64
  ) throws(SimulationError) {
    let job = resolved.job
    guard let layout = job.layouts.first else { return }
    let time = job.clock.virtualTime
    let name = time?.network ?? "shared-memory"
    let network = try SimulationError.wrap { try Network(parsing: name) }
    let nodes = try SimulationError.wrap {
      try time?.nodes.nodes(ranks: layout.worldSize) ?? Array(repeating: 0, count: layout.worldSize)
    }
    self.network = name
    settings.append(
      Setting(
        model: resolved.model, layout: layout, network: network, nodes: nodes,
        settings: Deployment.Settings(
          format: .fp32, dialect: job.dialect, reduction: job.tensorReduction,
          reductionChunks: job.reductionChunks ?? 1, reserve: 0)))
    for policy in job.policies {
      let left = Self.heldOut(
        resolved.batches.count, share: heldOut, seed: seed, stream: "\(cell) \(policy)")
      for (index, batch) in resolved.batches.enumerated() {
        let own = batches.filter {
          $0.policy == "\(policy)" && $0.batch == batch.id && !$0.warmup
        }
        guard let ttft = try? Sample(own.map(\.batchTTFTSeconds)).median,
          let rest = try? Sample(own.map { $0.totalSeconds - $0.batchTTFTSeconds }).median
        else { continue }
        let plans = try SimulatedCell.plans(of: batch, policy, resolved, layout: layout)
        let steps = CalibrationRow.decodeSteps(plans)
        rows.append(
          CalibrationRow(
            name: "\(cell) \(policy) batch \(batch.id)", policy: policy,
            deployment: settings.count - 1, plans: plans, batchTTFT: ttft,
            step: steps > 0 && rest > 0 ? rest / Double(steps) : nil,
            isHeldOut: left.contains(index)))
      }
    }
  }

  /// Which of so many batches a fit does not see: one at least, and one at least left to it.
  private static func heldOut(
    _ count: Int, share: Double, seed: UInt64, stream: String
  ) -> Set<Int> {
    let order = CounterRandom(seed: seed, stream: CounterRandom.stream(named: stream))
      .permutation(count: count)
    let wanted = Int((share * Double(count)).rounded())
    return Set(order.prefix(min(max(wanted, 1), count - 1)))
  }
}
