import Hardware
import Networks
import Scheduling

/// Prices static batches fast: the prefill as `PlanExecutor` does, decode steps by three of them.
///
/// A decode step's time follows the KV slots read, almost in a straight line: Simpson's rule over the
/// first, the middle and the last step gives their sum. Each of the three is priced as a repeated step of
/// the same pipeline, so that micro-batches overlap as they do in the engine.
public struct StaticEstimator {
  public let deployment: Deployment
  private let template: TrafficTemplate
  private var pricing: KernelPricing
  private var collectives: [CollectiveKey: Double] = [:]
  /// Which stages have their ranks on nodes alike.
  private let patterns: [Int]

  private struct CollectiveKey: Hashable {
    var kind: CollectiveKind
    var bytes: Int
    var pattern: Int
  }

  public init(_ deployment: Deployment) throws(SimulationError) {
    self.deployment = deployment
    template = try SimulationError.wrap { try TrafficTemplate(deployment.traffic) }
    pricing = KernelPricing(deployment)
    var seen: [[Int]] = []
    patterns = deployment.shards.indices.map { stage in
      let nodes = deployment.members(stage: stage, replica: 0).map { deployment.prices.nodes[$0] }
      let pattern = nodes.map { $0 - (nodes.min() ?? 0) }
      if let index = seen.firstIndex(of: pattern) { return index }
      seen.append(pattern)
      return seen.count - 1
    }
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

  /// A step's micro-batches with all that is known of them before they meet in the pipeline.
  private struct Step {
    var hostSeconds: [Double] = []
    var layers: [KernelPricing.Cost] = []
    var embeddings: [KernelPricing.Cost] = []
    var heads: [KernelPricing.Cost] = []
    /// By stage, then micro-batch.
    var traffic: [[StageTraffic.Micro]] = []
  }

  private mutating func price(_ shapes: [MicroShape]) throws(HardwareError) -> Step {
    let overheads = deployment.hardware.overheads
    var step = Step()
    for (index, shape) in shapes.enumerated() {
      step.hostSeconds.append(
        (index == 0 ? overheads.step : 0) + overheads.perSequence * Double(shape.rows))
      step.layers.append(try pricing.layer(shape))
      step.embeddings.append(try pricing.embedding(slots: shape.slots))
      step.heads.append(try pricing.head(rows: shape.headRows))
    }
    for stage in deployment.shards.indices {
      step.traffic.append(
        shapes.map { shape in
          template.micro(stage: stage, slots: shape.slots, sampled: shape.headRows) {
            self.collective($0, bytes: $1, stage: stage)
          }
        })
    }
    return step
  }

  /// Equal steps one after another, each micro-batch fed once the step before has its token.
  private func run(_ step: Step, repeats: Int) -> PlanTimeline {
    let (stages, count) = (deployment.shards.count, step.layers.count)
    let waits = stages > 1 ? 1 : 0
    let traffic = step.traffic.enumerated().map { stage, once in
      var all = once
      if repeats > 1 {
        var later = once
        if stage == 0 { for index in later.indices { later[index].awaited = waits } }
        for _ in 1..<repeats { all += later }
      }
      var rest = StageTraffic.Micro()
      rest.awaited = stage == 0 ? waits * count : 0
      all.append(rest)
      return StageTraffic(all)
    }
    var walk = TimelineWalk(deployment, replica: 0, traffic: traffic)
    for index in 0..<count * repeats {
      let micro = index % count
      walk.add(index, phase: .prefill, hostSeconds: step.hostSeconds[micro]) { stage in
        var cost = step.layers[micro] * deployment.shards[stage].layers.count
        if stage == 0 { cost += step.embeddings[micro] }
        if stage == stages - 1 { cost += step.heads[micro] }
        return cost
      }
    }
    return walk.finish()
  }

  private mutating func collective(_ kind: CollectiveKind, bytes: Int, stage: Int) -> Double {
    let key = CollectiveKey(kind: kind, bytes: bytes, pattern: patterns[stage])
    if let seconds = collectives[key] { return seconds }
    let seconds = deployment.prices.collective(
      kind, bytes: bytes, members: deployment.members(stage: stage, replica: 0))
    collectives[key] = seconds
    return seconds
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
