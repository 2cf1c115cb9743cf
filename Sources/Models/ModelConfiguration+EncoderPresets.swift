extension ModelConfiguration {
  /// One encoder preset: BERT's shape, with pooler and without MLM head.
  struct EncoderRow {
    let name: String
    let hidden: Int
    let feedForward: Int
    let layers: Int
    let heads: Int

    func configuration() throws(ModelError) -> ModelConfiguration {
      try ModelConfiguration(
        name: name, family: .bert, hiddenSize: hidden, feedForwardSize: feedForward,
        layerCount: layers, queryHeads: heads, kvHeads: heads, headDimension: hidden / heads,
        vocabularySize: 30_522, maxPositions: 512, rmsNormEpsilon: 1e-12, rope: .unused,
        tiedEmbeddings: true, storedType: .float32,
        encoder: EncoderFeatures(hasPooler: true, hasMLMHead: false))
    }
  }

  static let encoderRows: [EncoderRow] = [
    // sentence-transformers/all-MiniLM-L6-v2
    EncoderRow(name: "minilm-l6", hidden: 384, feedForward: 1_536, layers: 6, heads: 12),
    // google-bert/bert-base-uncased
    EncoderRow(name: "bert-base", hidden: 768, feedForward: 3_072, layers: 12, heads: 12),
  ]
}
