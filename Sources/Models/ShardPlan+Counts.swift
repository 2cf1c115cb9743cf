extension ShardPlan {
  /// Several ranks store the same KV head.
  public var kvHeadsAreReplicated: Bool { layout.tensor > model.kvHeads }

  /// The LM head uses this rank's embedding shard: tied, and first and last stage are the same.
  public var sharesEmbeddingWithHead: Bool { model.tiedEmbeddings && hasEmbedding && hasLMHead }

  /// Columns of this rank's query projection.
  public var queryWidth: Int { queryHeads.count * model.headDimension }
  /// Columns of this rank's key (or value) projection.
  public var kvWidth: Int { kvHeads.count * model.headDimension }

  /// Weights of this rank's projections in one layer, biases left out.
  public var layerProjectionCount: Int {
    model.hiddenSize * (2 * queryWidth + 2 * kvWidth + 3 * feedForward.count)
  }

  /// Parameters stored in one layer: projections, biases, and every norm in full.
  public var layerParameterCount: Int {
    layerProjectionCount + (model.qkvBias ? queryWidth + 2 * kvWidth : 0) + 2 * model.hiddenSize
      + (model.queryKeyNorm ? 2 * model.headDimension : 0)
  }

  /// Matrices of [vocabulary, hidden] on this rank: 0, 1 or 2.
  public var vocabularyMatrixCount: Int {
    (hasEmbedding ? 1 : 0) + (hasLMHead ? 1 : 0) - (sharesEmbeddingWithHead ? 1 : 0)
  }

  /// All parameters this rank stores, replicated norms, KV heads and tied copies included.
  public var parameterCount: Int {
    layers.count * layerParameterCount + (hasLMHead ? model.hiddenSize : 0)
      + vocabularyMatrixCount * vocabulary.count * model.hiddenSize
  }

  /// Bytes of this rank's weights.
  public func weightBytes(elementBytes: Int) -> Int { parameterCount * elementBytes }

  /// KV-cache bytes one token takes on this rank: keys and values of its layers and KV heads.
  public func kvBytesPerToken(elementBytes: Int) -> Int {
    2 * layers.count * kvWidth * elementBytes
  }
}
