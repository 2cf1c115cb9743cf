import Hardware
import Scheduling

/// Prices static batches fast: the prefill as `PlanExecutor` does, decode steps by three of them.
///
/// A decode step's time follows the KV slots read, almost in a straight line: Simpson's rule over the
/// first, the middle and the last step gives their sum. Each of the three is priced as a repeated step of
/// the same pipeline, so that micro-batches overlap as they do in the engine.
public struct StaticEstimator {
  public let deployment: Deployment
  private var pricing: MicroPricing

  public init(_ deployment: Deployment) throws(SimulationError) {
    self.deployment = deployment
    pricing = try MicroPricing(deployment)
  }

  /// Times of one replica.
  public mutating func estimate(_ batch: StaticBatch) throws(SimulationError) -> StaticEstimate {
    do { return try priced(batch) } catch { throw SimulationError(.configuration, "\(error)") }
  }

  private mutating func priced(_ batch: StaticBatch) throws(HardwareError) -> StaticEstimate {
    let prefill = run(try price(batch.micros), repeats: 1)
    var estimate = StaticEstimate(
      requests: batch.requests, generate: batch.generate, batchTTFT: prefill.total,
      decodeSeconds: 0, prefill: prefill.prefill, step: [], basis: pricing.basis)
    let steps = batch.generate - 1
    guard steps > 0 else { return estimate }
    let nodes = steps < 3 ? Array(1...steps) : [1, (steps + 1) / 2, steps]
    var periods: [Double] = []
    for node in nodes {
      let step = try price(batch.micros.indices.map { batch.decode(micro: $0, step: node) })
      let once = run(step, repeats: 1)
      guard deployment.layout.pipeline > 1 else {
        periods.append(once.total)
        estimate.step = once.prefill
        continue
      }
      let (two, three) = (run(step, repeats: 2), run(step, repeats: 3))
      let period = three.total - two.total
      periods.append(period)
      // Filling and draining the pipeline once.
      if node == nodes[nodes.count / 2] { estimate.decodeSeconds += once.total - period }
      estimate.step = zip(three.prefill, two.prefill).map { $0 - $1 }
    }
    if nodes.count == 3 {
      estimate.decodeSeconds += Double(steps) * (periods[0] + 4 * periods[1] + periods[2]) / 6
    } else {
      estimate.decodeSeconds += periods.reduce(0, +)
    }
    estimate.basis = pricing.basis
    return estimate
  }

  /// A step's micro-batches, and the host's time before each.
  private struct Step {
    var hostSeconds: [Double] = []
    var micros: [MicroPricing.Price] = []
  }

  private mutating func price(_ shapes: [MicroShape]) throws(HardwareError) -> Step {
    let overheads = deployment.hardware.overheads
    var step = Step()
    for (index, shape) in shapes.enumerated() {
      step.hostSeconds.append(
        (index == 0 ? overheads.step : 0) + overheads.perSequence * Double(shape.rows))
      step.micros.append(try pricing.price(shape))
    }
    return step
  }

  /// Equal steps one after another, each micro-batch fed once the step before has its token.
  private func run(_ step: Step, repeats: Int) -> PlanTimeline {
    let waits = deployment.layout.pipeline > 1 ? 1 : 0
    var walk = TimelineWalk(deployment, replica: 0)
    for turn in 0..<repeats {
      for (micro, hostSeconds) in zip(step.micros, step.hostSeconds) {
        walk.add(phase: .prefill, hostSeconds: hostSeconds) { stage in
          var traffic = micro.traffic[stage]
          if stage == 0, turn > 0 { traffic.awaited = waits }
          return traffic
        } compute: {
          micro.compute(deployment, stage: $0)
        }
      }
    }
    return walk.finish(awaited: waits * step.micros.count)
  }
}

/// What a static batch takes on one replica.
public struct StaticEstimate: Hashable, Sendable {
  public let requests: Int
  public let generate: Int
  public let batchTTFT: Double
  /// Seconds from the last first token to the last token.
  public internal(set) var decodeSeconds: Double
  /// Where each stage's time goes: in the prefill, and in the last decode step.
  public let prefill: [PlanTimeline.Account]
  public internal(set) var step: [PlanTimeline.Account]
  public internal(set) var basis: KernelTime.Basis

  public var total: Double { batchTTFT + decodeSeconds }
  /// Seconds from token to token; nil where one is generated.
  public var tpot: Double? { generate > 1 ? decodeSeconds / Double(generate - 1) : nil }
  /// Output tokens per second of one batch after another.
  public var outputRate: Double { Double(requests * generate) / total }
}

extension StaticEstimator {
  /// The memory that a batch takes on one replica.
  public func memory(_ batch: StaticBatch) -> MemoryPlan { MemoryPlan(deployment, batch.demand) }

  public func fits(_ batch: StaticBatch) -> Bool { memory(batch).fits }
}
