import Kernels
import MPI
import Models
import Tensors

/// What an encoder's last stage makes of a slot's last hidden state.
public enum EncoderOutput: Sendable {
  /// The state itself [hidden].
  case hidden
  /// tanh of a dense layer [hidden].
  case pooled
  /// Logits of the masked-language-model head [vocabulary].
  case mlm
}

/// One rank's part of a BERT encoder: its layers, its heads, its block of the vocabulary.
///
/// As in the decoder, the ranks of a stage sum two partial results per layer, [slots, hidden] each.
/// The norm comes after each sum (post-LN), attention sees the whole row, and no keys or values
/// outlive their micro-batch.
public final class EncoderShard: ModelShard {
  public let plan: ShardPlan
  public var backend: any Backend { encoder }
  public var betweenLayers: (() throws(MPIError) -> Void)?
  /// What `logits` gives; the model must have that head.
  public var output = EncoderOutput.hidden
  private let encoder: any EncoderBackend
  private let weights: EncoderWeights
  private let group: TensorGroup
  private var workspace: EncoderWorkspace?
  private let epsilon: Float
  private let scale: Float

  public init(
    plan: ShardPlan, source: any WeightSource, backend: any EncoderBackend, group: TensorGroup
  ) throws {
    precondition(group.size == plan.layout.tensor, "the tensor group has another size")
    self.plan = plan
    self.encoder = backend
    self.group = group
    weights = try EncoderWeights(plan, source: source, backend: backend)
    epsilon = Float(plan.model.rmsNormEpsilon)
    scale = 1 / Float(plan.model.headDimension).squareRoot()
  }

  public func reserve(slots: Int, samples: Int, scored: Int = 0) throws {
    precondition(scored == 0, "an encoder predicts no next token to score")
    if let workspace, workspace.slots >= slots, workspace.samples >= samples { return }
    workspace = nil
    workspace = try EncoderWorkspace(
      plan: plan, slots: slots, samples: samples, gathers: group.size > 1 && group.isRoot,
      backend: encoder)
  }

  public func makeCache(slots: Int, isTransient: Bool = false) throws -> KVCache {
    KVCache(withoutLayers: slots)
  }

  public func embed(
    _ tokens: [Int32], input: MicroBatchInput, into hidden: Matrix
  ) throws(MPIError) {
    guard let tables = weights.embeddings, let workspace else {
      preconditionFailure("only the first stage has the embedding, after reserve")
    }
    encoder.embed(
      tokens, table: tables.words, firstToken: plan.vocabulary.lowerBound, into: hidden)
    try group.sum(hidden)
    let extra = workspace.partial(tokens.count)
    // Padding behind the tokens counts on; beyond the table any row will do for it.
    let last = tables.positions.rows - 1
    encoder.gatherRows(
      tables.positions, rows: input.positions.map { min(Int($0), last) }, into: extra)
    encoder.add(extra, into: hidden)
    encoder.gatherRows(tables.tokenTypes, rows: input.tokenTypes.map { Int($0) }, into: extra)
    norm(hidden, adding: extra, tables.norm)
  }

  public func runLayers(
    _ stream: ResidualStream, input: MicroBatchInput, cache: KVCache
  ) throws(MPIError) {
    guard let workspace else { preconditionFailure("reserve was not called") }
    let hidden = stream.residual
    let slots = input.slots
    let partial = workspace.partial(slots)
    let chunks = group.chunks(of: input)
    for (index, layer) in weights.layers.enumerated() {
      if index > 0 { try betweenLayers?() }
      attend(hidden, layer: layer, input: input, workspace)
      let attended = try group.reduce(partial, chunks) { rows in
        encoder.linear(
          workspace.attention(slots).rows(rows), layer.attentionOutput, into: partial.rows(rows))
      }
      norm(hidden, adding: attended, layer.attentionNorm)
      let fed = try group.reduce(partial, chunks) { rows in
        feedForward(hidden.rows(rows), layer: layer, into: partial.rows(rows), workspace)
      }
      norm(hidden, adding: fed, layer.outputNorm)
    }
  }

  public func logits(_ hidden: Matrix, input: MicroBatchInput) throws(MPIError) -> LogitBlocks? {
    guard let workspace else { preconditionFailure("reserve was not called") }
    let slots = input.sampledSlots
    let sampled = workspace.sampled(slots.count)
    encoder.gatherRows(hidden, rows: slots, into: sampled)
    switch output {
    case .hidden: return group.isRoot ? LogitBlocks(blocks: [sampled]) : nil
    case .pooled:
      guard let pooler = weights.pooler else { preconditionFailure("there is no pooler here") }
      let own = workspace.output(rows: slots.count, columns: plan.pooled.count)
      encoder.linear(sampled, pooler, into: own)
      encoder.tanh(own)
      return try collect(own, of: plan.model.hiddenSize)
    case .mlm:
      guard let head = weights.mlm else { preconditionFailure("there is no MLM head here") }
      let changed = workspace.transformed(slots.count)
      encoder.linear(sampled, head.transform, into: changed)
      encoder.gelu(changed)
      encoder.layerNorm(
        changed, adding: nil, weight: head.norm.weight, bias: head.norm.bias, epsilon: epsilon,
        into: changed)
      let own = workspace.output(rows: slots.count, columns: plan.vocabulary.count)
      encoder.linear(changed, head.decoder, into: own)
      return try collect(own, of: plan.model.vocabularySize)
    }
  }

  public func share(_ tokens: inout [Int32]) throws(MPIError) { try group.broadcast(&tokens) }

  /// Blocks of columns of all ranks on the root; each rank has its split of `columns`.
  private func collect(_ own: Matrix, of columns: Int) throws(MPIError) -> LogitBlocks? {
    let counts = (0..<group.size).map {
      ShardPlan.split(columns, into: group.size, part: $0).count
    }
    return try group.collect(
      blocks: own, columns: counts, into: workspace?.gathered(elements: own.rows * columns))
  }

  /// `hidden = norm(hidden + addend)`.
  private func norm(_ hidden: Matrix, adding addend: Matrix, _ norm: EncoderWeights.Norm) {
    encoder.layerNorm(
      hidden, adding: addend, weight: norm.weight, bias: norm.bias, epsilon: epsilon, into: hidden)
  }

  private func attend(
    _ hidden: Matrix, layer: EncoderWeights.Layer, input: MicroBatchInput,
    _ workspace: EncoderWorkspace
  ) {
    let joint = workspace.queryKeyValue(input.slots)
    encoder.linear(hidden, layer.queryKeyValue, into: joint)
    let width = plan.queryWidth
    encoder.attendBoth(
      queries: joint.columns(0..<width), keys: joint.columns(width..<2 * width),
      values: joint.columns(2 * width..<3 * width), rows: input.rows,
      heads: plan.queryHeads.count, scale: scale, into: workspace.attention(input.slots))
  }

  private func feedForward(
    _ hidden: Matrix, layer: EncoderWeights.Layer, into partial: Matrix,
    _ workspace: EncoderWorkspace
  ) {
    var first = 0
    while first < hidden.rows {
      let block = first..<min(first + encoder.rowsAtOnce, hidden.rows)
      let activated = workspace.activated(block.count)
      encoder.linear(hidden.rows(block), layer.intermediate, into: activated)
      encoder.gelu(activated)
      encoder.linear(activated, layer.output, into: partial.rows(block))
      first = block.upperBound
    }
  }
}
