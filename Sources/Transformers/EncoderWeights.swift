import Kernels
import Models
import Tensors

/// The weights of one rank's shard of an encoder; cut as the decoder's (`ShardWeights`).
///
/// Names are those of transformers' `BertModel` without a prefix. Biases of row-parallel products
/// belong to rank 0: the sum has them once.
struct EncoderWeights {
  struct Norm {
    let weight: Storage
    let bias: Storage
  }

  struct Embeddings {
    /// [vocabulary shard, hidden]
    let words: Matrix
    /// [positions, hidden]
    let positions: Matrix
    /// [token types, hidden]
    let tokenTypes: Matrix
    let norm: Norm
  }

  struct Layer {
    /// [3 · query width, hidden]
    let queryKeyValue: any LinearWeight
    /// [hidden, query width]
    let attentionOutput: any LinearWeight
    let attentionNorm: Norm
    /// [feed-forward, hidden]
    let intermediate: any LinearWeight
    /// [hidden, feed-forward]
    let output: any LinearWeight
    let outputNorm: Norm
  }

  struct MLMHead {
    /// [hidden, hidden], whole on every rank: the norm behind it needs whole rows.
    let transform: any LinearWeight
    let norm: Norm
    /// [vocabulary shard, hidden]
    let decoder: any LinearWeight
  }

  /// First stage only.
  let embeddings: Embeddings?
  let layers: [Layer]
  /// [hidden shard, hidden]; last stage only.
  let pooler: (any LinearWeight)?
  let mlm: MLMHead?

  init(_ plan: ShardPlan, source: any WeightSource, backend: any Backend) throws {
    let reader = ShardReader(plan: plan, source: source, backend: backend)
    let model = plan.model
    let words = "embeddings.word_embeddings.weight"
    layers = try plan.layers.map { try reader.encoderLayer($0) }
    embeddings =
      plan.hasEmbedding
      ? Embeddings(
        words: try reader.vocabulary(words),
        positions: try reader.table(
          "embeddings.position_embeddings.weight", rows: model.maxPositions),
        tokenTypes: try reader.table(
          "embeddings.token_type_embeddings.weight", rows: model.encoder?.tokenTypes ?? 0),
        norm: try reader.norm("embeddings.LayerNorm")) : nil
    let heads = plan.hasLMHead ? model.encoder : nil
    pooler =
      heads?.hasPooler == true
      ? try reader.stacked([("pooler.dense", model.hiddenSize, plan.pooled)], bias: true) : nil
    guard heads?.hasMLMHead == true else {
      mlm = nil
      return
    }
    let prefix = "cls.predictions."
    mlm = MLMHead(
      transform: try reader.stacked(
        [(prefix + "transform.dense", model.hiddenSize, 0..<model.hiddenSize)], bias: true),
      norm: try reader.norm(prefix + "transform.LayerNorm"),
      decoder: try backend.makeLinear(
        embeddings?.words ?? reader.vocabulary(words),
        bias: reader.values(
          prefix + "bias", count: model.vocabularySize, range: plan.vocabulary)))
  }
}

extension ShardReader {
  fileprivate func encoderLayer(_ index: Int) throws -> EncoderWeights.Layer {
    let prefix = "encoder.layer.\(index)."
    let heads = plan.queryHeads.scaled(by: model.headDimension)
    let width = model.queryWidth
    return EncoderWeights.Layer(
      queryKeyValue: try stacked(
        ["query", "key", "value"].map { (prefix + "attention.self." + $0, width, heads) },
        bias: true),
      attentionOutput: try biasedRowParallel(
        prefix + "attention.output.dense", inputs: width, columns: heads),
      attentionNorm: try norm(prefix + "attention.output.LayerNorm"),
      intermediate: try stacked(
        [(prefix + "intermediate.dense", model.feedForwardSize, plan.feedForward)], bias: true),
      output: try biasedRowParallel(
        prefix + "output.dense", inputs: model.feedForwardSize, columns: plan.feedForward),
      outputNorm: try norm(prefix + "output.LayerNorm"))
  }

  private func biasedRowParallel(
    _ name: String, inputs: Int, columns: Range<Int>
  ) throws -> any LinearWeight {
    let bias =
      plan.tensorRank == 0
      ? try values(name + ".bias", count: model.hiddenSize, range: 0..<model.hiddenSize) : nil
    return try rowParallel(name + ".weight", inputs: inputs, columns: columns, bias: bias)
  }

  fileprivate func norm(_ name: String) throws -> EncoderWeights.Norm {
    EncoderWeights.Norm(
      weight: try vector(name + ".weight", count: model.hiddenSize),
      bias: try vector(name + ".bias", count: model.hiddenSize))
  }

  /// A table [rows, hidden] that every rank has whole.
  fileprivate func table(_ name: String, rows: Int) throws -> Matrix {
    let matrix = try backend.matrix(rows: rows, columns: model.hiddenSize)
    try fill(matrix) {
      try source.read(
        name, shape: (rows, model.hiddenSize), rows: 0..<rows, columns: 0..<model.hiddenSize,
        into: $0)
    }
    return matrix
  }
}
