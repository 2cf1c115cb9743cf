import Kernels
import MPI
import Models
import Tensors

/// One rank's part of a decoder: its layers, its heads, its block of the vocabulary.
///
/// Per layer the ranks of a stage sum two partial results, [slots, hidden] each: after the
/// attention output and after the down projection. Padded slots pass through all of it. Where sums
/// are scattered, each rank norms and adds its block of the slots, and blocks are gathered before
/// the next product (Korthikanti et al. 2022, arXiv:2205.05198, section 4.2.2).
public final class TransformerShard: ModelShard {
  public let plan: ShardPlan
  public let backend: any Backend
  public var betweenLayers: (() throws(MPIError) -> Void)?
  let weights: ShardWeights
  let group: TensorGroup
  private let rotary: RotaryTable
  private(set) var workspace: Workspace?
  let epsilon: Float
  private let scale: Float
  /// Vocabulary columns per rank of the group.
  private let vocabularyCounts: [Int]
  /// Sees what each product of a layer gave on this rank, before it is summed; for finding faults.
  public var inspect: ((LayerPart, Matrix) -> Void)?

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
    if let workspace, workspace.slots.slots >= slots, workspace.samples >= samples,
      workspace.scored >= scored
    {
      return
    }
    workspace = nil
    workspace = try Workspace(
      plan: plan, slots: group.partition(slots), samples: samples, scored: scored,
      gathers: group.isJoint && group.isRoot, backend: backend)
  }

  /// - Parameter isTransient: nothing is read after its layer has run, so layers share memory.
  public func makeCache(slots: Int, isTransient: Bool = false) throws -> KVCache {
    try KVCache(plan: plan, slots: slots, isTransient: isTransient, backend: backend)
  }

  /// A pool of `blocks` blocks of `blockSlots` token positions each.
  /// - Precondition: the backend reads block tables.
  public func makePagedCache(blocks: Int, blockSlots: Int) throws -> KVCache {
    precondition(backend.readsBlockTables, "\(backend.provenance.name) reads no block tables")
    return try KVCache(
      plan: plan, slots: blocks * blockSlots, blockSlots: blockSlots, backend: backend)
  }

  public func embed(
    _ tokens: [Int32], input: MicroBatchInput, into hidden: Matrix
  ) throws(MPIError) {
    guard let table = weights.embedding, let workspace else {
      preconditionFailure("only the first stage has the embedding, after reserve")
    }
    let slots = group.partition(input.slots)
    let all = group.isScattered ? partial(slots, workspace) : hidden
    let first = plan.vocabulary.lowerBound
    let rows = all.rows(0..<slots.slots)
    switch table {
    case .matrix(let table): backend.embed(tokens, table: table, firstToken: first, into: rows)
    case .weight(let weight): backend.embed(tokens, rowsOf: weight, firstToken: first, into: rows)
    }
    _ = try group.reduce(all, into: hidden)
  }

  /// Runs the shard's layers on a stream and writes the keys and values of its slots.
  public func runLayers(
    _ stream: ResidualStream, input: MicroBatchInput, cache: KVCache
  ) throws(MPIError) {
    guard let workspace else { preconditionFailure("reserve was not called") }
    let slots = group.partition(input.slots)
    let real = 0..<slots.slots
    let normed = workspace.normed(slots.padded)
    let own = normed.rows(slots.range(group.part))
    let partial = stream.pending ?? partial(slots, workspace)
    let reduced = workspace.reduced(slots.block)
    let chunks = group.chunks(of: input)
    // What is not yet added.
    var pending = plan.hasEmbedding ? nil : stream.pending
    for (index, layer) in weights.layers.enumerated() {
      if index > 0 { try betweenLayers?() }
      if let pending {
        backend.addRMSNorm(
          pending, residual: stream.residual, weight: layer.attentionNorm, epsilon: epsilon,
          into: own)
      } else {
        backend.rmsNorm(stream.residual, weight: layer.attentionNorm, epsilon: epsilon, into: own)
      }
      try group.gather(normed)
      attend(
        normed.rows(real), layer: layer, input: input, cache: cache.view(layer: index), workspace)
      let attended = try group.reduce(partial, into: reduced, chunks) { rows in
        let output = partial.rows(rows)
        backend.linear(
          workspace.attention(slots.slots).rows(rows), layer.attentionOutput, into: output)
        inspect?(LayerPart(layer: plan.layers.lowerBound + index, isAttention: true), output)
      }
      backend.addRMSNorm(
        attended, residual: stream.residual, weight: layer.feedForwardNorm, epsilon: epsilon,
        into: own)
      try group.gather(normed)
      pending = try group.reduce(partial, into: reduced, chunks) { rows in
        let output = partial.rows(rows)
        feedForward(normed.rows(rows), layer: layer, into: output, workspace)
        inspect?(LayerPart(layer: plan.layers.lowerBound + index, isAttention: false), output)
      }
    }
    guard let pending, stream.pending == nil || plan.hasLMHead else { return }
    backend.add(pending, into: stream.residual)
  }

  /// Logits of the sampled slots, whole on the group's root: row-major [samples, vocabulary].
  /// Other ranks get nil.
  public func logits(
    _ hidden: Matrix, input: MicroBatchInput
  ) throws(MPIError) -> LogitBlocks? {
    let sampled = input.sampledSlots
    guard let workspace, let norm = weights.finalNorm, let head = weights.head,
      let own = workspace.logits(rows: sampled.count, columns: plan.vocabulary.count)
    else { preconditionFailure("only the last stage has the head, after reserve") }
    let slots = group.partition(input.slots)
    let counts = slots.counts(of: sampled)
    let first = counts[..<group.part].reduce(0, +)
    let mine = first..<first + counts[group.part]
    let states = workspace.sampled(sampled.count)
    let ownStates = states.rows(mine)
    let start = slots.range(group.part).lowerBound
    backend.gatherRows(hidden, rows: sampled[mine].map { $0 - start }, into: ownStates)
    backend.rmsNorm(ownStates, weight: norm, epsilon: epsilon, into: ownStates)
    try group.gather(states, counts: counts)
    backend.linear(states, head, into: own)
    return try group.collect(
      blocks: own, columns: vocabularyCounts,
      into: workspace.gathered(elements: sampled.count * plan.model.vocabularySize))
  }

  /// Gives the tokens that the root chose to all ranks of the stage.
  public func share(_ tokens: inout [Int32]) throws(MPIError) { try group.broadcast(&tokens) }

  /// Room for what a product gives before it is summed; its dead slots are zeros.
  private func partial(_ slots: SlotPartition, _ workspace: Workspace) -> Matrix {
    let partial = workspace.partial(slots.padded)
    if slots.dead > 0 {
      backend.gatherRows(
        workspace.zeros, rows: Array(repeating: 0, count: slots.dead),
        into: partial.rows(slots.slots..<slots.padded))
    }
    return partial
  }

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
      let block = first..<min(first + backend.rowsAtOnce, normed.rows)
      let gateUp = workspace.gateUp(block.count)
      let activated = workspace.activated(block.count)
      backend.linear(normed.rows(block), layer.gateUp, into: gateUp)
      backend.siluMultiply(gateUp, into: activated)
      backend.linear(activated, layer.down, into: partial.rows(block))
      first = block.upperBound
    }
  }
}
