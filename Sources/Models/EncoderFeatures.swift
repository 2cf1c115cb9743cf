/// What an encoder has beside the numbers that all models share.
///
/// Post-LN blocks with biases everywhere, bidirectional attention, an ungated GELU feed-forward,
/// learned position and token-type embeddings (Devlin et al. 2019, arXiv:1810.04805; layer by layer
/// as in transformers' `modeling_bert.py`).
public struct EncoderFeatures: Sendable, Hashable, Codable {
  /// Rows of the token-type embedding.
  public var tokenTypes: Int
  /// A dense layer with tanh on the first token's state.
  public var hasPooler: Bool
  /// Dense, GELU, LayerNorm and a decoder tied to the word embedding, with a bias.
  public var hasMLMHead: Bool

  public init(tokenTypes: Int = 2, hasPooler: Bool, hasMLMHead: Bool) {
    self.tokenTypes = tokenTypes
    self.hasPooler = hasPooler
    self.hasMLMHead = hasMLMHead
  }
}

extension ModelConfiguration {
  /// Bidirectional attention, no KV cache, no decode.
  public var isEncoder: Bool { encoder != nil }

  /// Matrices of [feed-forward, hidden] in a layer: gate, up and down, or an encoder's two.
  var feedForwardMatrices: Int { isEncoder ? 2 : 3 }

  /// Query, key pairs that attention computes over `slots` slots: all, or the causal half.
  public func attentionPairs(slots: Int) -> Int {
    isEncoder ? slots * slots : FLOPCount.causalPairs(slots: slots)
  }
}

extension EncoderFeatures {
  /// Biases and two LayerNorms of a layer, of which a rank holds `queryWidth` and `feedForward`
  /// columns; biases of row-parallel products and norms count in full.
  func layerVectorCount(hidden: Int, queryWidth: Int, feedForward: Int) -> Int {
    3 * queryWidth + hidden + feedForward + hidden + 4 * hidden
  }

  /// Position and token-type embeddings and their LayerNorm.
  func embeddingExtraCount(_ model: ModelConfiguration) -> Int {
    (model.maxPositions + tokenTypes + 2) * model.hiddenSize
  }

  /// Pooler and MLM head, but for the tied matrix; a rank holds `pooled` outputs of the pooler and
  /// `vocabulary` of the decoder's bias, and the MLM transform in full.
  func headCount(hidden: Int, pooled: Int, vocabulary: Int) -> Int {
    (hasPooler ? pooled * hidden + pooled : 0)
      + (hasMLMHead ? hidden * hidden + 3 * hidden + vocabulary : 0)
  }

  /// FLOPs of the heads for one row; MLM where there is one, else the pooler.
  func headFLOPs(hidden: Int, pooled: Int, vocabulary: Int) -> Int {
    if hasMLMHead { return 2 * hidden * hidden + 2 * hidden * vocabulary }
    return hasPooler ? 2 * hidden * pooled : 0
  }
}
