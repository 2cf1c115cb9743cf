import Units

extension ModelConfiguration {
  /// Columns of the query projection: queryHeads · headDimension.
  public var queryWidth: Int { queryHeads * headDimension }
  /// Columns of the key (or value) projection: kvHeads · headDimension.
  public var kvWidth: Int { kvHeads * headDimension }
  /// Query heads that read one KV head.
  public var queriesPerKVHead: Int { queryHeads / kvHeads }

  /// Weights of one layer's projections (Q, K, V, output, feed-forward), biases left out.
  public var layerProjectionCount: Int {
    hiddenSize * (2 * queryWidth + 2 * kvWidth) + feedForwardMatrices * hiddenSize * feedForwardSize
  }

  /// All parameters of one layer: projections, biases, two norms, and q/k norms where present.
  public var layerParameterCount: Int {
    if let encoder {
      return layerProjectionCount
        + encoder.layerVectorCount(
          hidden: hiddenSize, queryWidth: queryWidth, feedForward: feedForwardSize)
    }
    return layerProjectionCount + (qkvBias ? queryWidth + 2 * kvWidth : 0) + 2 * hiddenSize
      + (queryKeyNorm ? 2 * headDimension : 0)
  }

  /// Parameters of the embedding (or of an untied LM head): vocabulary · hidden.
  public var embeddingParameterCount: Int { vocabularySize * hiddenSize }

  /// Parameters as published: a tied matrix counts once.
  public var parameterCount: Int {
    if let encoder {
      return layerCount * layerParameterCount + embeddingParameterCount
        + encoder.embeddingExtraCount(self)
        + encoder.headCount(hidden: hiddenSize, pooled: hiddenSize, vocabulary: vocabularySize)
    }
    return layerCount * layerParameterCount + hiddenSize
      + (tiedEmbeddings ? 1 : 2) * embeddingParameterCount
  }

  /// Bytes of all weights at `elementBytes` per parameter.
  public func weightBytes(elementBytes: Int) -> Int { parameterCount * elementBytes }

  /// KV-cache bytes of one token over all layers: keys and values. An encoder keeps none.
  public func kvBytesPerToken(elementBytes: Int) -> Int {
    isEncoder ? 0 : 2 * layerCount * kvWidth * elementBytes
  }

  /// One line for people: parameters and shape.
  public var shapeSummary: String {
    let tie = tiedEmbeddings ? ", tied" : ""
    return "\(name): \(Count(Double(parameterCount))) parameters; \(layerCount) layers, "
      + "hidden \(hiddenSize), \(queryHeads) heads / \(kvHeads) KV heads of \(headDimension), "
      + "FFN \(feedForwardSize), vocabulary \(vocabularySize)\(tie)"
  }
}
