import Hardware
import Networks

/// Prices one micro-batch on every stage of a replica: its kernels, and what it sends.
struct MicroPricing {
  /// All that is known of a micro-batch before it meets others in the pipeline.
  struct Price {
    var layer: KernelPricing.Cost
    var embedding: KernelPricing.Cost
    var head: KernelPricing.Cost
    /// By stage; what a stage waits for is not in it.
    var traffic: [StageTraffic.Micro]
  }

  let deployment: Deployment
  private let template: TrafficTemplate
  private var kernels: KernelPricing
  private var collectives: [CollectiveKey: Double] = [:]
  /// Which stages have their ranks on nodes alike.
  private let patterns: [Int]

  private struct CollectiveKey: Hashable {
    var kind: CollectiveKind
    var bytes: Int
    var pattern: Int
  }

  init(_ deployment: Deployment) throws(SimulationError) {
    self.deployment = deployment
    template = try SimulationError.wrap { try TrafficTemplate(deployment.traffic) }
    kernels = KernelPricing(deployment)
    var seen: [[Int]] = []
    patterns = deployment.shards.indices.map { stage in
      let nodes = deployment.members(stage: stage, replica: 0).map { deployment.prices.nodes[$0] }
      let pattern = nodes.map { $0 - (nodes.min() ?? 0) }
      if let index = seen.firstIndex(of: pattern) { return index }
      seen.append(pattern)
      return seen.count - 1
    }
  }

  /// How trustworthy the least trustworthy kernel so far is.
  var basis: KernelTime.Basis { kernels.basis }

  mutating func price(_ shape: MicroShape) throws(HardwareError) -> Price {
    var price = Price(
      layer: try kernels.layer(shape), embedding: try kernels.embedding(slots: shape.slots),
      head: try kernels.head(rows: shape.headRows), traffic: [])
    price.traffic = deployment.shards.indices.map { stage in
      template.micro(stage: stage, slots: shape.slots, sampled: shape.headRows) {
        self.collective($0, bytes: $1, stage: stage)
      }
    }
    return price
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

extension MicroPricing.Price {
  /// The kernels of a stage.
  func compute(_ deployment: Deployment, stage: Int) -> KernelPricing.Cost {
    var cost = layer * deployment.shards[stage].layers.count
    if stage == 0 { cost += embedding }
    if stage == deployment.layout.pipeline - 1 { cost += head }
    return cost
  }
}
