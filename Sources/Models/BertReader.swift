import JSONReading

/// The keys of a `config.json` of `model_type` bert that padtax reads.
struct BertConfig: Decodable {
  var hiddenSize: JSONInteger?
  var intermediateSize: JSONInteger?
  var numHiddenLayers: JSONInteger?
  var numAttentionHeads: JSONInteger?
  var vocabSize: JSONInteger?
  var maxPositionEmbeddings: JSONInteger?
  var typeVocabSize: JSONInteger?
  var layerNormEps: Double?
  var hiddenAct: String?
  var positionEmbeddingType: String?
  var isDecoder: Bool?
  var isEncoderDecoder: Bool?
  var addCrossAttention: Bool?
  var tieWordEmbeddings: Bool?
  var architectures: [String]?
  var torchDtype: String?
  var dtype: String?
  var quantizationConfig: HuggingFaceConfig.Presence?

  enum CodingKeys: String, CodingKey {
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case numHiddenLayers = "num_hidden_layers"
    case numAttentionHeads = "num_attention_heads"
    case vocabSize = "vocab_size"
    case maxPositionEmbeddings = "max_position_embeddings"
    case typeVocabSize = "type_vocab_size"
    case layerNormEps = "layer_norm_eps"
    case hiddenAct = "hidden_act"
    case positionEmbeddingType = "position_embedding_type"
    case isDecoder = "is_decoder"
    case isEncoderDecoder = "is_encoder_decoder"
    case addCrossAttention = "add_cross_attention"
    case tieWordEmbeddings = "tie_word_embeddings"
    case architectures
    case torchDtype = "torch_dtype"
    case dtype
    case quantizationConfig = "quantization_config"
  }
}

/// Turns the `config.json` of a BERT into a configuration, refusing what padtax does not run.
struct BertReader {
  let document: JSONDocument
  let config: BertConfig

  func configuration(name: String) throws(ModelError) -> ModelConfiguration {
    try refuseFeatures()
    let hidden = try require(config.hiddenSize?.value, "hidden_size")
    let heads = try require(config.numAttentionHeads?.value, "num_attention_heads")
    guard hidden > 0, heads > 0, hidden % heads == 0 else {
      throw failure(
        .value, "num_attention_heads",
        "hidden_size \(hidden) is not a multiple of num_attention_heads \(heads)")
    }
    do {
      return try ModelConfiguration(
        name: name, family: .bert, hiddenSize: hidden,
        feedForwardSize: try require(config.intermediateSize?.value, "intermediate_size"),
        layerCount: try require(config.numHiddenLayers?.value, "num_hidden_layers"),
        queryHeads: heads, kvHeads: heads, headDimension: hidden / heads,
        vocabularySize: try require(config.vocabSize?.value, "vocab_size"),
        maxPositions: try require(config.maxPositionEmbeddings?.value, "max_position_embeddings"),
        rmsNormEpsilon: try require(config.layerNormEps, "layer_norm_eps"), rope: .unused,
        tiedEmbeddings: true, storedType: try storedType(), encoder: try features())
    } catch {
      guard error.file == nil else { throw error }
      throw ModelError(error.kind, file: document.path, line: nil, error.message)
    }
  }

  /// The parts that the class named in `architectures` has.
  private func features() throws(ModelError) -> EncoderFeatures {
    let types = config.typeVocabSize?.value ?? 2
    guard (1...1024).contains(types) else {
      throw failure(
        .value, "type_vocab_size", "type_vocab_size is \(types); it must be 1 to 1024")
    }
    let known = ["BertModel", "BertForMaskedLM", "BertForPreTraining"]
    let given = config.architectures ?? ["BertModel"]
    guard let type = given.first(where: known.contains) else {
      throw failure(
        .feature, "architectures",
        "architectures \(given) are not supported; supported: \(known.joined(separator: " "))")
    }
    let hasMLM = type != "BertModel"
    // An absent key means tied: the default of BERT's classes in transformers.
    if hasMLM, config.tieWordEmbeddings == false {
      throw failure(
        .feature, "tie_word_embeddings", "an MLM decoder of its own is not supported for bert")
    }
    return EncoderFeatures(
      tokenTypes: types, hasPooler: type != "BertForMaskedLM", hasMLMHead: hasMLM)
  }

  private func refuseFeatures() throws(ModelError) {
    let act = try require(config.hiddenAct, "hidden_act")
    if act != "gelu" {
      throw failure(
        .feature, "hidden_act",
        "hidden_act '\(act)' is not supported for bert; supported: gelu (with erf)")
    }
    if let type = config.positionEmbeddingType, type != "absolute" {
      throw failure(
        .feature, "position_embedding_type",
        "position_embedding_type '\(type)' is not supported; supported: absolute")
    }
    let refused: [(Bool, String, String)] = [
      (config.isDecoder == true, "is_decoder", "a BERT used as a decoder (is_decoder)"),
      (
        config.isEncoderDecoder == true, "is_encoder_decoder",
        "an encoder-decoder model (is_encoder_decoder)"
      ),
      (
        config.addCrossAttention == true, "add_cross_attention",
        "cross attention (add_cross_attention)"
      ),
      (
        config.quantizationConfig != nil, "quantization_config",
        "a quantized checkpoint (quantization_config)"
      ),
    ]
    for (isSet, key, feature) in refused where isSet {
      throw failure(.feature, key, "\(feature) is not supported for bert")
    }
  }

  private func storedType() throws(ModelError) -> StoredType? {
    let key = config.dtype == nil ? "torch_dtype" : "dtype"
    guard let value = config.dtype ?? config.torchDtype else { return nil }
    guard let type = StoredType(rawValue: value) else {
      let known = StoredType.allCases.map(\.rawValue).joined(separator: " ")
      throw failure(.feature, key, "\(key) '\(value)' is not supported; supported: \(known)")
    }
    return type
  }

  private func require<Value>(_ value: Value?, _ key: String) throws(ModelError) -> Value {
    guard let value else {
      throw ModelError(.value, file: document.path, line: nil, "key '\(key)' is missing")
    }
    return value
  }

  private func failure(_ kind: ModelError.Kind, _ key: String, _ text: String) -> ModelError {
    let line = document.contains([.key(key)]) ? document.line(of: [.key(key)]) : nil
    return ModelError(kind, file: document.path, line: line, text)
  }
}
