extension ShardPlan {
  /// Several ranks store the same KV head.
  public var kvHeadsAreReplicated: Bool { layout.tensor > model.kvHeads }

  /// The LM head uses this rank's embedding shard: tied, and first and last stage are the same.
  public var sharesEmbeddingWithHead: Bool {
    model.tiedEmbeddings && hasEmbedding && hasVocabularyHead
  }

  /// The last stage of a model that has logits: a decoder, or an encoder with its MLM head.
  public var hasVocabularyHead: Bool { hasLMHead && model.encoder?.hasMLMHead != false }

  /// Outputs of an encoder's pooler on this rank.
  public var pooled: Range<Int> {
    Self.split(model.hiddenSize, into: layout.tensor, part: tensorRank)
  }

  /// Columns of this rank's query projection.
  public var queryWidth: Int { queryHeads.count * model.headDimension }
  /// Columns of this rank's key (or value) projection.
  public var kvWidth: Int { kvHeads.count * model.headDimension }

  /// Weights of this rank's projections in one layer, biases left out.
  public var layerProjectionCount: Int {
    model.hiddenSize
      * (2 * queryWidth + 2 * kvWidth + model.feedForwardMatrices * feedForward.count)
  }

  /// Parameters stored in one layer: projections, biases, and every norm in full.
  public var layerParameterCount: Int {
    if let encoder = model.encoder {
      return layerProjectionCount
        + encoder.layerVectorCount(
          hidden: model.hiddenSize, queryWidth: queryWidth, feedForward: feedForward.count)
    }
    return layerProjectionCount + (model.qkvBias ? queryWidth + 2 * kvWidth : 0) + 2
      * model.hiddenSize
      + (model.queryKeyNorm ? 2 * model.headDimension : 0)
  }

  /// Matrices of [vocabulary, hidden] on this rank: 0, 1 or 2.
  public var vocabularyMatrixCount: Int {
    (hasEmbedding ? 1 : 0) + (hasVocabularyHead ? 1 : 0) - (sharesEmbeddingWithHead ? 1 : 0)
  }

  /// All parameters this rank stores, replicated norms, KV heads and tied copies included.
  public var parameterCount: Int {
    layers.count * layerParameterCount
      + vocabularyMatrixCount * vocabulary.count * model.hiddenSize + endParameterCount
  }

  /// Parameters outside layers and vocabulary matrices: the final norm, or an encoder's ends.
  private var endParameterCount: Int {
    guard let encoder = model.encoder else { return hasLMHead ? model.hiddenSize : 0 }
    let head = encoder.headCount(
      hidden: model.hiddenSize, pooled: pooled.count, vocabulary: vocabulary.count)
    return (hasEmbedding ? encoder.embeddingExtraCount(model) : 0) + (hasLMHead ? head : 0)
  }

  /// Bytes of this rank's weights.
  public func weightBytes(elementBytes: Int) -> Int { parameterCount * elementBytes }

  /// The same where matrices and vectors (norms and biases) have elements of different sizes. An
  /// encoder's tables stay as vectors are, and a head that shares one has a copy.
  public func weightBytes(matrixBytes: Int, vectorBytes: Int) -> Int {
    let table = vocabulary.count * model.hiddenSize
    let tables = model.isEncoder && hasEmbedding ? 1 : 0
    let matrices = layers.count * layerProjectionCount + (vocabularyMatrixCount - tables) * table
    let isCopied = tables > 0 && sharesEmbeddingWithHead && matrixBytes != vectorBytes
    return matrices * matrixBytes + (parameterCount - matrices) * vectorBytes
      + (isCopied ? table * matrixBytes : 0)
  }

  /// KV-cache bytes one token takes on this rank: keys and values of its layers and KV heads.
  public func kvBytesPerToken(elementBytes: Int) -> Int {
    model.isEncoder ? 0 : 2 * layers.count * kvWidth * elementBytes
  }
}
