import Communication
import Hardware
import Models
import Networks
import Scheduling

/// Prices a plan as the engine runs it: all stages walk its steps and micro-batches in one order,
/// activations go down the pipeline by sends that do not block, tokens come back to the first stage,
/// decode begins when every first token is there (`Inference/BatchExecutor`).
///
/// The ranks of a stage are alike and taken as one. The engine's own time is the first stage's: its
/// step and sequence overheads come before a step's first micro-batch and each micro-batch there.
public struct PlanExecutor {
  public let deployment: Deployment
  /// Seconds of host work before a step, beyond kernels; `EngineOverheads.step` unless set.
  public var hostSeconds: @Sendable (StepPlan) -> Double
  /// True for an engine that waits, before each step, until all stages are done with the one before;
  /// padtax's own waits for tokens alone.
  public var isStepSynchronous = false
  private var pricing: KernelPricing
  private var collectives: [CollectiveKey: Double] = [:]

  private struct CollectiveKey: Hashable {
    var kind: CollectiveKind
    var bytes: Int
    var stage: Int
    var replica: Int
  }

  public init(_ deployment: Deployment) {
    self.deployment = deployment
    let seconds = deployment.hardware.overheads.step
    hostSeconds = { _ in seconds }
    pricing = KernelPricing(deployment)
  }

  /// A micro-batch, its step's place in the plan and the costs that all stages share.
  private struct Micro {
    var phase: Phase
    var hostSeconds: Double
    var isFirst: Bool
    var layer: KernelPricing.Cost
    var embedding: KernelPricing.Cost
    var head: KernelPricing.Cost
  }

  /// The timeline of the plan of one replica.
  /// - Throws: `SimulationError` where a kernel has no price.
  public mutating func run(
    _ plan: BatchPlan, replica: Int = 0
  ) throws(SimulationError) -> PlanTimeline {
    precondition((0..<deployment.layout.data).contains(replica), "the replica is of the layout")
    let micros: [Micro]
    do { micros = try costs(of: plan) } catch { throw SimulationError(.configuration, "\(error)") }
    let stages = (0..<deployment.layout.pipeline).map { stage in
      StageTraffic(
        deployment.traffic, plan: plan, stage: stage, count: micros.count
      ) { self.collective($0, bytes: $1, stage: stage, replica: replica) }
    }
    var walk = TimelineWalk(deployment, replica: replica)
    for (index, micro) in micros.enumerated() {
      if isStepSynchronous, micro.isFirst { walk.synchronise() }
      walk.add(phase: micro.phase, hostSeconds: micro.hostSeconds) {
        stages[$0].micros[index]
      } compute: {
        compute(micro, stage: $0)
      }
    }
    var timeline = walk.finish(awaited: stages[0].micros.last?.awaited ?? 0)
    timeline.basis = pricing.basis
    return timeline
  }

  private mutating func costs(of plan: BatchPlan) throws(HardwareError) -> [Micro] {
    let overheads = deployment.hardware.overheads
    var out: [Micro] = []
    for step in plan.steps {
      for (index, micro) in step.microBatches.enumerated() {
        let shape = MicroShape(micro, phase: step.phase)
        out.append(
          Micro(
            phase: step.phase,
            hostSeconds: (index == 0 ? hostSeconds(step) : 0)
              + overheads.perSequence * Double(shape.rows), isFirst: index == 0,
            layer: try pricing.layer(shape), embedding: try pricing.embedding(slots: shape.slots),
            head: try pricing.head(rows: shape.headRows)))
      }
    }
    return out
  }

  private func compute(_ micro: Micro, stage: Int) -> KernelPricing.Cost {
    var cost = micro.layer * deployment.shards[stage].layers.count
    if stage == 0 { cost += micro.embedding }
    if stage == deployment.layout.pipeline - 1 { cost += micro.head }
    return cost
  }

  private mutating func collective(
    _ kind: CollectiveKind, bytes: Int, stage: Int, replica: Int
  ) -> Double {
    let key = CollectiveKey(kind: kind, bytes: bytes, stage: stage, replica: replica)
    if let seconds = collectives[key] { return seconds }
    let members = deployment.members(stage: stage, replica: replica)
    let seconds = deployment.prices.collective(kind, bytes: bytes, members: members)
    collectives[key] = seconds
    return seconds
  }
}
