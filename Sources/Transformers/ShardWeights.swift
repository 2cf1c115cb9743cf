import Kernels
import Models
import Tensors

/// The weights of one rank's shard, in the form that its backend wants.
///
/// Column-parallel (Megatron-LM, section 3): query, key, value, gate and up hold a block of output
/// rows; row-parallel: the attention output and down projections hold a block of input columns.
/// Query, key and value are one product, and so are gate and up.
struct ShardWeights {
  struct Layer {
    let attentionNorm: Storage
    /// [query + key + value width, hidden]
    let queryKeyValue: any LinearWeight
    let queryNorm: Storage?
    let keyNorm: Storage?
    /// [hidden, query width]
    let attentionOutput: any LinearWeight
    let feedForwardNorm: Storage
    /// [2 · feed-forward, hidden]
    let gateUp: any LinearWeight
    /// [hidden, feed-forward]
    let down: any LinearWeight
  }

  /// Token embeddings [vocabulary shard, hidden].
  enum Table {
    case matrix(Matrix)
    /// In the form of the backend's weights, which a head may share.
    case weight(any LinearWeight)
  }

  /// First stage only.
  let embedding: Table?
  let layers: [Layer]
  /// Last stage only.
  let finalNorm: Storage?
  /// [vocabulary shard, hidden]; last stage only.
  let head: (any LinearWeight)?

  init(_ plan: ShardPlan, source: any WeightSource, backend: any Backend) throws {
    let reader = ShardReader(plan: plan, source: source, backend: backend)
    layers = try plan.layers.map { try reader.layer($0) }
    let words = "model.embed_tokens.weight"
    let isShared = plan.model.tiedEmbeddings && plan.hasLMHead
    let table =
      if !plan.hasEmbedding { Table?.none } else if backend.weightFormat == .float32 && !isShared {
        try Table.matrix(reader.vocabulary(words))
      } else { try Table.weight(reader.vocabularyWeight(words)) }
    embedding = table
    guard plan.hasLMHead else {
      finalNorm = nil
      head = nil
      return
    }
    finalNorm = try reader.vector("model.norm.weight", count: plan.model.hiddenSize)
    if isShared, case .weight(let shared) = table {
      head = shared
    } else {
      head = try reader.vocabularyWeight(plan.model.tiedEmbeddings ? words : "lm_head.weight")
    }
  }
}

/// Reads the parts of a checkpoint's tensors that a shard holds.
struct ShardReader {
  let plan: ShardPlan
  let source: any WeightSource
  let backend: any Backend
  var model: ModelConfiguration { plan.model }

  func layer(_ index: Int) throws -> ShardWeights.Layer {
    let prefix = "model.layers.\(index)."
    let hidden = model.hiddenSize
    let d = model.headDimension
    let queries = plan.queryHeads.scaled(by: d)
    let keys = plan.kvHeads.scaled(by: d)
    return ShardWeights.Layer(
      attentionNorm: try vector(prefix + "input_layernorm.weight", count: hidden),
      queryKeyValue: try stacked(
        [
          (prefix + "self_attn.q_proj", model.queryWidth, queries),
          (prefix + "self_attn.k_proj", model.kvWidth, keys),
          (prefix + "self_attn.v_proj", model.kvWidth, keys),
        ], bias: model.qkvBias),
      queryNorm: try headNorm(prefix + "self_attn.q_norm.weight"),
      keyNorm: try headNorm(prefix + "self_attn.k_norm.weight"),
      attentionOutput: try rowParallel(
        prefix + "self_attn.o_proj.weight", inputs: model.queryWidth, columns: queries),
      feedForwardNorm: try vector(prefix + "post_attention_layernorm.weight", count: hidden),
      gateUp: try stacked(
        [
          (prefix + "mlp.gate_proj", model.feedForwardSize, plan.feedForward),
          (prefix + "mlp.up_proj", model.feedForwardSize, plan.feedForward),
        ], bias: false),
      down: try rowParallel(
        prefix + "mlp.down_proj.weight", inputs: model.feedForwardSize, columns: plan.feedForward))
  }

  func vector(_ name: String, count: Int) throws -> Storage {
    let matrix = try backend.matrix(rows: 1, columns: count)
    let normals = source.normals(name, first: 0)
    try fill(matrix, normals) { try source.read(name, count: count, range: 0..<count, into: $0) }
    return matrix.storage
  }

  func headNorm(_ name: String) throws -> Storage? {
    model.queryKeyNorm ? try vector(name, count: model.headDimension) : nil
  }

  func vocabulary(_ name: String) throws -> Matrix {
    let matrix = try backend.matrix(rows: plan.vocabulary.count, columns: model.hiddenSize)
    try fill(
      matrix, name, shape: (model.vocabularySize, model.hiddenSize), rows: plan.vocabulary,
      columns: 0..<model.hiddenSize)
    return matrix
  }

  func vocabularyWeight(_ name: String) throws -> any LinearWeight {
    let first = plan.vocabulary.lowerBound
    return try backend.makeLinear(
      outputs: plan.vocabulary.count, inputs: model.hiddenSize, bias: nil
    ) { rows, part in
      try fill(
        part, name, shape: (model.vocabularySize, model.hiddenSize),
        rows: first + rows.lowerBound..<first + rows.upperBound, columns: 0..<model.hiddenSize)
    }
  }

  /// Row blocks of several matrices, one under the other.
  func stacked(
    _ parts: [(name: String, outputs: Int, rows: Range<Int>)], bias: Bool
  ) throws -> any LinearWeight {
    let biases =
      bias
      ? try parts.flatMap { try values($0.name + ".bias", count: $0.outputs, range: $0.rows) } : nil
    return try backend.makeLinear(
      outputs: parts.reduce(0) { $0 + $1.rows.count }, inputs: model.hiddenSize, bias: biases
    ) { wanted, matrix in
      var first = 0
      for part in parts {
        // What is wanted of this part, counted over all parts.
        let here = wanted.clamped(to: first..<first + part.rows.count)
        let offset = part.rows.lowerBound - first
        first += part.rows.count
        guard !here.isEmpty else { continue }
        try fill(
          matrix.rows(here.lowerBound - wanted.lowerBound..<here.upperBound - wanted.lowerBound),
          part.name + ".weight", shape: (part.outputs, model.hiddenSize),
          rows: here.lowerBound + offset..<here.upperBound + offset,
          columns: 0..<model.hiddenSize)
      }
    }
  }

  func rowParallel(
    _ name: String, inputs: Int, columns: Range<Int>, bias: [Float]? = nil
  ) throws -> any LinearWeight {
    try backend.makeLinear(outputs: model.hiddenSize, inputs: columns.count, bias: bias) {
      try fill($1, name, shape: (model.hiddenSize, inputs), rows: $0, columns: columns)
    }
  }

  /// Part of a vector of `count` elements.
  func values(_ name: String, count: Int, range: Range<Int>) throws -> [Float] {
    var values = [Float](repeating: 0, count: range.count)
    try values.withUnsafeMutableBufferPointer {
      try source.read(name, count: count, range: range, into: $0)
    }
    return values
  }

  /// The block `rows` × `columns` of a tensor of `shape`.
  private func fill(
    _ matrix: Matrix, _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>,
    columns: Range<Int>
  ) throws {
    let normals = source.normals(name, shape: shape, rows: rows, columns: columns)
    try fill(matrix, normals) {
      try source.read(name, shape: shape, rows: rows, columns: columns, into: $0)
    }
  }

  /// Makes random numbers where they are wanted, if the device can; else reads into host memory,
  /// which host backends compute from in place.
  func fill(
    _ matrix: Matrix, _ normals: NormalBlock? = nil,
    _ read: (UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    if let normals, backend.fill(matrix, normals) { return }
    try matrix.withMutableBuffer(.write) { try read($0) }
  }
}

extension Range<Int> {
  /// The range in elements of a range of groups of `factor` elements.
  func scaled(by factor: Int) -> Range<Int> { lowerBound * factor..<upperBound * factor }
}
