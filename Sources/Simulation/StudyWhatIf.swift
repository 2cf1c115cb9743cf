import Hardware
import Models
import Scheduling
import Serving
import Workloads

/// The study's batches on the same devices under other policies, without the engine's host time: what is
/// left is physics. Each beside what computing and memory bandwidth alone allow.
public struct StudyWhatIf: Sendable {
  public struct Line: Sendable {
    public let configuration: StudyConfiguration
    /// A policy's name, or what was measured.
    public let name: String
    /// Means over all batches, seconds.
    public let batchTTFT: Double
    /// FLOPs of the slots at the dense peak of all devices.
    public let computeBound: Double
    /// Weights and keys read once a step at the bandwidth of all devices.
    public let bandwidthBound: Double
  }

  public let lines: [Line]

  public init(
    _ study: PaddingStudy, limit: Int, model: ModelConfiguration, hardware: Accelerator
  ) throws(SimulationError) {
    var device = hardware
    device.overheads = EngineOverheads()
    let policies: [Policy] = [
      .megatronIterative, .rightPad,
      try SimulationError.wrap { try Policy(parsing: "bucketed:best-4") }, .packed,
    ]
    var lines: [Line] = []
    for configuration in StudyConfiguration.allCases {
      let own = study.measurements(of: configuration)
      guard !own.isEmpty else { continue }
      let count = Double(own.count)
      lines.append(
        Line(
          configuration: configuration, name: "measured",
          batchTTFT: own.reduce(0) { $0 + $1.batchTTFT } / count, computeBound: 0,
          bandwidthBound: 0))
      let deployment = try Deployment(
        model: model,
        layout: SimulationError.wrap { try ParallelLayout(parsing: configuration.layout) },
        hardware: device)
      var executor = PlanExecutor(deployment)
      for policy in policies {
        // The study's engine took its batches apart; the others take them whole.
        let most = policy == .megatronIterative ? limit : Int.max
        var (ttft, compute, bandwidth) = (0.0, 0.0, 0.0)
        for measurement in own {
          let size = min(most, measurement.lengths.count)
          for first in stride(from: 0, to: measurement.lengths.count, by: size) {
            let group = Array(
              measurement.lengths[first..<min(first + size, measurement.lengths.count)])
            let plan = try SimulationError.wrap {
              try BatchPlan(
                policy: policy, promptLengths: group, outputLengths: group.map { _ in 1 },
                microBatches: 1)
            }
            ttft += try executor.run(plan).batchTTFT
            let bound = try Self.bounds(plan, deployment)
            compute += bound.compute
            bandwidth += bound.bandwidth
          }
        }
        lines.append(
          Line(
            configuration: configuration,
            name: policy == .megatronIterative ? "its engine's steps, no host time" : "\(policy)",
            batchTTFT: ttft / count, computeBound: compute / count,
            bandwidthBound: bandwidth / count))
      }
      lines.append(try Self.continuous(own, configuration, deployment))
    }
    self.lines = lines
  }

  /// Iteration-level scheduling: all prompts come at once and go in as chunks of 2048 tokens, as many
  /// iterations under way as stages.
  private static func continuous(
    _ measurements: [PaddingStudy.Measurement], _ configuration: StudyConfiguration,
    _ deployment: Deployment
  ) throws(SimulationError) -> Line {
    let chunk = 2048
    var walk = try ServingWalk(deployment)
    let flops = FLOPCount(deployment.model)
    let (peak, devices) = (
      try SimulationError.wrap { try deployment.hardware.peak(deployment.settings.format) },
      Double(deployment.layout.ranksPerReplica)
    )
    var (ttft, compute, bandwidth) = (0.0, 0.0, 0.0)
    for measurement in measurements {
      var session = try SimulationError.wrap {
        try ServingSession(
          lengths: measurement.lengths.map { ($0, 1) }, arrivals: .atOnce,
          limits: SchedulerLimits(
            maxNumTokens: chunk, maxBatchSize: min(chunk, measurement.lengths.count),
            blockSize: 16, blockCount: 1 << 20, iterationsInFlight: deployment.layout.pipeline))
      }
      try walk.run(&session)
      ttft += session.requests.map(\.completedSeconds).max() ?? 0
      let slots = measurement.lengths.reduce(0, +)
      let pairs = session.iterations.reduce(0) { $0 + $1.pairs }
      compute += flops.total(slots: slots, pairs: pairs, headRows: measurement.lengths.count)
      bandwidth += deployment.weightBytes * Double(session.iterations.count)
    }
    let count = Double(measurements.count)
    return Line(
      configuration: configuration, name: "continuous", batchTTFT: ttft / count,
      computeBound: compute / (peak * devices * count),
      bandwidthBound: bandwidth / (deployment.hardware.bandwidth * devices * count))
  }

  /// What a plan takes if every device computes at its peak, or reads at its bandwidth, all the time.
  static func bounds(
    _ plan: BatchPlan, _ deployment: Deployment
  ) throws(SimulationError) -> (compute: Double, bandwidth: Double) {
    let devices = Double(deployment.layout.ranksPerReplica)
    let peak = try SimulationError.wrap {
      try deployment.hardware.peak(deployment.settings.format)
    }
    let budget = plan.slotBudget(.prefill)
    let flops = FLOPCount(deployment.model).total(
      slots: budget.slots, pairs: budget.pairs, headRows: budget.samples)
    let model = deployment.model
    let perSlot =
      Double(2 * model.layerCount * model.kvWidth) * deployment.settings.cacheFormat.bytes
    let read = plan.steps.reduce(0.0) { sum, step in
      let keys = step.microBatches.reduce(0) { sum, micro in
        sum + micro.rows.reduce(0) { $0 + $1.context + $1.slots }
      }
      return sum + deployment.weightBytes + Double(keys) * perSlot
    }
    return (flops / (peak * devices), read / (deployment.hardware.bandwidth * devices))
  }
}
