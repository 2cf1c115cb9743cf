import Kernels
import MPI
import Models
import Tensors

/// One rank's part of a decoder: its layers, its heads, its block of the vocabulary.
///
/// Per layer the ranks of a stage sum two partial results, [slots, hidden] each: after the
/// attention output and after the down projection. Padded slots pass through all of it.
public final class TransformerShard: ModelShard {
  public let plan: ShardPlan
  public let backend: any Backend
  let weights: ShardWeights
  let group: TensorGroup
  private let rotary: RotaryTable
  private(set) var workspace: Workspace?
  let epsilon: Float
  private let scale: Float
  /// Vocabulary columns per rank of the group.
  private let vocabularyCounts: [Int]

  /// Loads the shard's weights.
  /// - Parameter positions: position ids that will occur are below this.
  public init(
    plan: ShardPlan, source: any WeightSource, backend: any Backend, group: TensorGroup,
    positions: Int
  ) throws {
    precondition(group.size == plan.layout.tensor, "the tensor group has another size")
    self.plan = plan
    self.backend = backend
    self.group = group
    weights = try ShardWeights(plan, source: source, backend: backend)
    let d = plan.model.headDimension
    rotary = RotaryTable(
      inverseFrequencies: plan.model.rope.inverseFrequencies(headDimension: d),
      maxPositions: positions)
    epsilon = Float(plan.model.rmsNormEpsilon)
    scale = 1 / Float(d).squareRoot()
    vocabularyCounts = (0..<group.size).map {
      ShardPlan.split(plan.model.vocabularySize, into: group.size, part: $0).count
    }
  }

  /// Makes room for micro-batches of up to `slots` slots, `samples` sampled and `scored` scored at
  /// a time.
  public func reserve(slots: Int, samples: Int, scored: Int = 0) throws {
    if let workspace, workspace.slots >= slots, workspace.samples >= samples,
      workspace.scored >= scored
    {
      return
    }
    workspace = nil
    workspace = try Workspace(
      plan: plan, slots: slots, samples: samples, scored: scored,
      gathers: group.size > 1 && group.isRoot, backend: backend)
  }

  /// - Parameter isTransient: nothing is read after its layer has run, so layers share memory.
  public func makeCache(slots: Int, isTransient: Bool = false) throws -> KVCache {
    try KVCache(plan: plan, slots: slots, isTransient: isTransient, backend: backend)
  }

  public func embed(
    _ tokens: [Int32], input: MicroBatchInput, into hidden: Matrix
  ) throws(MPIError) {
    guard let table = weights.embedding else {
      preconditionFailure("only the first stage has the embedding")
    }
    backend.embed(tokens, table: table, firstToken: plan.vocabulary.lowerBound, into: hidden)
    try group.sum(hidden)
  }

  /// Runs the shard's layers on `hidden` [slots, hidden] in place and writes the keys and values
  /// of its slots.
  public func runLayers(
    _ hidden: Matrix, input: MicroBatchInput, cache: KVCache
  ) throws(MPIError) {
    guard let workspace else { preconditionFailure("reserve was not called") }
    let slots = input.slots
    let normed = workspace.normed(slots)
    let partial = workspace.partial(slots)
    for (index, layer) in weights.layers.enumerated() {
      if index == 0 {
        backend.rmsNorm(hidden, weight: layer.attentionNorm, epsilon: epsilon, into: normed)
      } else {
        backend.addRMSNorm(
          partial, residual: hidden, weight: layer.attentionNorm, epsilon: epsilon, into: normed)
      }
      attend(normed, layer: layer, input: input, cache: cache.view(layer: index), workspace)
      backend.linear(workspace.attention(slots), layer.attentionOutput, into: partial)
      try group.sum(partial)
      backend.addRMSNorm(
        partial, residual: hidden, weight: layer.feedForwardNorm, epsilon: epsilon, into: normed)
      feedForward(normed, layer: layer, into: partial, workspace)
      try group.sum(partial)
    }
    backend.add(partial, into: hidden)
  }

  /// Logits of the sampled slots, whole on the group's root: row-major [samples, vocabulary].
  /// Other ranks get nil.
  public func logits(_ hidden: Matrix, sampling slots: [Int]) throws(MPIError) -> LogitBlocks? {
    guard let workspace, let norm = weights.finalNorm, let head = weights.head,
      let own = workspace.logits(rows: slots.count, columns: plan.vocabulary.count)
    else { preconditionFailure("only the last stage has the head, after reserve") }
    let sampled = workspace.sampled(slots.count)
    backend.gatherRows(hidden, rows: slots, into: sampled)
    backend.rmsNorm(sampled, weight: norm, epsilon: epsilon, into: sampled)
    backend.linear(sampled, head, into: own)
    return try group.collect(
      blocks: own, columns: vocabularyCounts,
      into: workspace.gathered(elements: slots.count * plan.model.vocabularySize))
  }

  /// Gives the tokens that the root chose to all ranks of the stage.
  public func share(_ tokens: inout [Int32]) throws(MPIError) { try group.broadcast(&tokens) }

  private func attend(
    _ normed: Matrix, layer: ShardWeights.Layer, input: MicroBatchInput, cache: KVCacheView,
    _ workspace: Workspace
  ) {
    let joint = workspace.queryKeyValue(input.slots)
    backend.linear(normed, layer.queryKeyValue, into: joint)
    let keyStart = plan.queryWidth
    let valueStart = keyStart + plan.kvWidth
    let queries = joint.columns(0..<keyStart)
    let keys = joint.columns(keyStart..<valueStart)
    let values = joint.columns(valueStart..<valueStart + plan.kvWidth)
    if let queryNorm = layer.queryNorm, let keyNorm = layer.keyNorm {
      backend.headNorm(queries, heads: plan.queryHeads.count, weight: queryNorm, epsilon: epsilon)
      backend.headNorm(keys, heads: plan.kvHeads.count, weight: keyNorm, epsilon: epsilon)
    }
    backend.rotate(
      queries, heads: plan.queryHeads.count, positions: input.positions, table: rotary)
    backend.rotate(keys, heads: plan.kvHeads.count, positions: input.positions, table: rotary)
    backend.store(keys: keys, values: values, rows: input.rows, into: cache)
    backend.attend(
      queries: queries, rows: input.rows, cache: cache, queryHeads: plan.queryHeads.count,
      scale: scale, into: workspace.attention(input.slots))
  }

  private func feedForward(
    _ normed: Matrix, layer: ShardWeights.Layer, into partial: Matrix, _ workspace: Workspace
  ) {
    var first = 0
    while first < normed.rows {
      let block = first..<min(first + Workspace.feedForwardRows, normed.rows)
      let gateUp = workspace.gateUp(block.count)
      let activated = workspace.activated(block.count)
      backend.linear(normed.rows(block), layer.gateUp, into: gateUp)
      backend.siluMultiply(gateUp, into: activated)
      backend.linear(activated, layer.down, into: partial.rows(block))
      first = block.upperBound
    }
  }
}
