import Hardware
import Models

/// Prices the kernels of a micro-batch on one device of a deployment.
///
/// A decoder's layer, in order: norm (with the residual), Q/K/V product, rotation and cache write,
/// attention, output product, norm, gate and up product, activation, down product. Products in fp8 or
/// fp4 are each led by a pass that quantises their input. The products of one slot count are kept, since
/// the steps of a batch share them.
struct KernelPricing {
  /// Seconds and launches.
  struct Cost: Hashable, Sendable {
    var seconds = 0.0
    var kernels = 0

    static func += (sum: inout Cost, other: Cost) {
      sum.seconds += other.seconds
      sum.kernels += other.kernels
    }

    static func * (cost: Cost, count: Int) -> Cost {
      Cost(seconds: cost.seconds * Double(count), kernels: cost.kernels * count)
    }
  }

  private let deployment: Deployment
  private let kernels: any KernelModel
  private let format: NumberFormat
  private let shard: ShardPlan
  private let heads: AttentionHeads
  /// Everything of a layer but attention, by slots; the head by rows.
  private var linear: [Int: Cost] = [:]
  private var heading: [Int: Cost] = [:]
  /// How trustworthy the least trustworthy kernel is.
  private(set) var basis = KernelTime.Basis.table

  init(_ deployment: Deployment) {
    self.deployment = deployment
    kernels = deployment.hardware.kernels
    format = deployment.settings.format
    shard = deployment.shards[0]
    heads = AttentionHeads(
      query: shard.queryHeads.count, kv: shard.kvHeads.count,
      dimension: shard.model.headDimension)
  }

  /// One layer.
  mutating func layer(_ shape: MicroShape) throws(HardwareError) -> Cost {
    var cost = try linearPart(slots: shape.slots)
    if !shape.prefill.isEmpty {
      cost += try price(
        .prefillAttention(shape.prefill, heads, causal: !shape.isBidirectional))
    }
    if !shape.decode.isEmpty { cost += try price(.decodeAttention(cached(shape.decode), heads)) }
    return cost
  }

  /// Embedding of a micro-batch's slots, on the first stage.
  mutating func embedding(slots: Int) throws(HardwareError) -> Cost {
    try elementwise(2 * slots * shard.model.hiddenSize)
  }

  /// Final norm, head and choice of a token, on the last stage.
  mutating func head(rows: Int) throws(HardwareError) -> Cost {
    guard rows > 0 else { return Cost() }
    if let cost = heading[rows] { return cost }
    let model = shard.model
    var cost = try elementwise(2 * rows * model.hiddenSize)
    let outputs =
      model.isEncoder
      ? (deployment.traffic.headColumns + deployment.layout.tensor - 1) / deployment.layout.tensor
      : shard.vocabulary.count
    if outputs > 0 {
      cost += try product(rows: rows, outputs: outputs, inputs: model.hiddenSize)
      cost += try elementwise(rows * outputs)
    }
    heading[rows] = cost
    return cost
  }

  private mutating func linearPart(slots: Int) throws(HardwareError) -> Cost {
    if let cost = linear[slots] { return cost }
    let model = shard.model
    let hidden = model.hiddenSize
    let (queries, keys, wide) = (shard.queryWidth, shard.kvWidth, shard.feedForward.count)
    let gates = model.isEncoder ? 1 : 2
    var cost = Cost()
    // Norms read the product and the residual, and write the residual and the normed state.
    for _ in 0..<2 { cost += try elementwise(4 * slots * hidden) }
    cost += try product(rows: slots, outputs: queries + 2 * keys, inputs: hidden)
    cost += try elementwise(2 * slots * (queries + 2 * keys))
    cost += try product(rows: slots, outputs: hidden, inputs: queries)
    cost += try product(rows: slots, outputs: gates * wide, inputs: hidden)
    cost += try elementwise(slots * (gates + 1) * wide)
    cost += try product(rows: slots, outputs: hidden, inputs: wide)
    linear[slots] = cost
    return cost
  }

  private mutating func product(
    rows: Int, outputs: Int, inputs: Int
  ) throws(HardwareError) -> Cost {
    var cost = try price(.gemm(m: rows, n: outputs, k: inputs))
    if format.bits <= 8 {
      // Quantising the input: read wide, written narrow.
      let bytes = Double(rows * inputs) * (Double(deployment.activationBytes) + format.bytes)
      cost += try price(.elementwise(bytes: Int(bytes.rounded())))
    }
    return cost
  }

  private mutating func elementwise(_ numbers: Int) throws(HardwareError) -> Cost {
    try price(.elementwise(bytes: numbers * deployment.activationBytes))
  }

  private mutating func price(_ call: KernelCall) throws(HardwareError) -> Cost {
    let time = try kernels.time(of: call, in: format)
    basis = max(basis, time.basis)
    return Cost(seconds: time.seconds, kernels: 1)
  }

  /// A cache of other bytes than the kernels' is priced as a context of as many bytes: decode attention
  /// is bound by reading it.
  private func cached(_ spans: [AttentionSpan]) -> [AttentionSpan] {
    let share = deployment.settings.cacheFormat.bytes / Double(deployment.activationBytes)
    guard share != 1 else { return spans }
    return spans.map {
      AttentionSpan(
        count: $0.count, queries: $0.queries,
        context: max(1, Int((Double($0.context) * share).rounded())))
    }
  }
}
