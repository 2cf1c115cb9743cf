import JSONReading

/// Turns a decoded `config.json` into a configuration, refusing what padtax does not run.
struct HuggingFaceReader {
  let document: JSONDocument
  let config: HuggingFaceConfig
  let family: ModelConfiguration.Family

  func configuration(name: String) throws(ModelError) -> ModelConfiguration {
    try refuseFeatures()
    try refuseWindow()
    let hidden = try require(config.hiddenSize?.value, "hidden_size")
    let heads = try require(config.numAttentionHeads?.value, "num_attention_heads")
    let model: ModelConfiguration
    do {
      model = try ModelConfiguration(
        name: name, family: family, hiddenSize: hidden,
        feedForwardSize: try require(config.intermediateSize?.value, "intermediate_size"),
        layerCount: try require(config.numHiddenLayers?.value, "num_hidden_layers"),
        queryHeads: heads, kvHeads: config.numKeyValueHeads?.value ?? heads,
        headDimension: try headDimension(hidden: hidden, heads: heads),
        vocabularySize: try require(config.vocabSize?.value, "vocab_size"),
        maxPositions: try require(config.maxPositionEmbeddings?.value, "max_position_embeddings"),
        rmsNormEpsilon: try require(config.rmsNormEps, "rms_norm_eps"), rope: try rope(),
        // Absent means untied: the default of all four families' classes in transformers.
        tiedEmbeddings: config.tieWordEmbeddings ?? false, storedType: try storedType())
    } catch {
      throw located(error)
    }
    return model
  }

  /// Adds file and line to an error about one of the keys.
  private func located(_ error: ModelError) -> ModelError {
    guard error.file == nil else { return error }
    let prefix = error.message.split(separator: ":", maxSplits: 1).first.map { $0.count + 2 } ?? 0
    let text = String(error.message.dropFirst(prefix))
    let key = Self.locatableKeys.first { text.contains($0.word) }
    return ModelError(
      error.kind, file: document.path,
      line: key.map { document.line(of: [.key($0.key)]) }, text)
  }

  private static let locatableKeys: [(word: String, key: String)] = [
    ("KV heads", "num_key_value_heads"), ("heads of", "num_attention_heads"),
    ("llama3 rope", "rope_scaling"), ("original_max", "rope_scaling"),
    ("hidden_size", "hidden_size"), ("intermediate_size", "intermediate_size"),
    ("num_hidden_layers", "num_hidden_layers"), ("num_attention_heads", "num_attention_heads"),
    ("num_key_value_heads", "num_key_value_heads"), ("head_dim", "head_dim"),
    ("vocab_size", "vocab_size"), ("max_position", "max_position_embeddings"),
    ("rms_norm_eps", "rms_norm_eps"), ("rope_theta", "rope_theta"),
  ]

  private func require<Value>(_ value: Value?, _ key: String) throws(ModelError) -> Value {
    guard let value else {
      throw ModelError(.value, file: document.path, line: nil, "key '\(key)' is missing")
    }
    return value
  }

  private func refuse(_ key: String, _ feature: String) -> ModelError {
    ModelError(
      .feature, file: document.path, line: document.line(of: [.key(key)]),
      "\(feature) is not supported for \(family.rawValue)")
  }

  private func refuseFeatures() throws(ModelError) {
    if config.quantizationConfig != nil {
      throw refuse("quantization_config", "a quantized checkpoint (quantization_config)")
    }
    let act = try require(config.hiddenAct, "hidden_act")
    if act != "silu" {
      throw ModelError(
        .feature, file: document.path, line: document.line(of: [.key("hidden_act")]),
        "hidden_act '\(act)' is not supported; supported: silu")
    }
    // qwen2 has biases on Q, K, V always and no such key; elsewhere they would be extra tensors.
    if config.attentionBias == true, family != .qwen2 {
      throw refuse("attention_bias", "a bias on the attention projections (attention_bias)")
    }
    if config.mlpBias == true {
      throw refuse("mlp_bias", "a bias on the feed-forward projections (mlp_bias)")
    }
    if config.isEncoderDecoder == true {
      throw refuse("is_encoder_decoder", "an encoder-decoder model (is_encoder_decoder)")
    }
    if config.addCrossAttention == true {
      throw refuse("add_cross_attention", "cross attention (add_cross_attention)")
    }
    if config.attnLogitSoftcapping != nil {
      throw refuse("attn_logit_softcapping", "soft-capped attention (attn_logit_softcapping)")
    }
    if config.finalLogitSoftcapping != nil {
      throw refuse("final_logit_softcapping", "soft-capped logits (final_logit_softcapping)")
    }
    if (config.numExperts?.value ?? 0) > 0 { throw refuse("num_experts", "mixture of experts") }
    if (config.numLocalExperts?.value ?? 0) > 0 {
      throw refuse("num_local_experts", "mixture of experts")
    }
  }

  /// A sliding window no position can reach is full attention; any other is refused.
  private func refuseWindow() throws(ModelError) {
    if let types = config.layerTypes,
      let index = types.firstIndex(where: { $0 != "full_attention" })
    {
      throw ModelError(
        .feature, file: document.path,
        line: document.line(of: [.key("layer_types"), .index(index)]),
        "attention of type '\(types[index])' (layer_types) is not supported; "
          + "supported: full_attention")
    }
    let positions = try require(config.maxPositionEmbeddings?.value, "max_position_embeddings")
    switch family {
    case .qwen2, .qwen3:
      // Layers from max_window_layers on use the window, and only with use_sliding_window.
      guard config.useSlidingWindow == true, let window = config.slidingWindow?.value else {
        return
      }
      let layers = try require(config.numHiddenLayers?.value, "num_hidden_layers")
      let full = config.maxWindowLayers?.value ?? 0
      if full < layers, window < positions { throw windowError(window, positions) }
    case .mistral:
      // An absent key means MistralConfig's default of 4096; null means full attention.
      let isAbsent = config.slidingWindow?.value == nil && !hasKey("sliding_window")
      guard let window = isAbsent ? 4096 : config.slidingWindow?.value else { return }
      if window < positions { throw windowError(window, positions) }
    case .llama, .bert:
      if let window = config.slidingWindow?.value, window < positions {
        throw windowError(window, positions)
      }
    }
  }

  private func windowError(_ window: Int, _ positions: Int) -> ModelError {
    ModelError(
      .feature, file: document.path,
      line: hasKey("sliding_window") ? document.line(of: [.key("sliding_window")]) : nil,
      "sliding-window attention is not supported: sliding_window \(window) is smaller than "
        + "max_position_embeddings \(positions); full attention needs null or at least that many")
  }

  private func hasKey(_ key: String) -> Bool {
    document.contains([.key(key)])
  }

  private func headDimension(hidden: Int, heads: Int) throws(ModelError) -> Int {
    if let given = config.headDim?.value { return given }
    guard heads > 0, hidden > 0 else { return 2 }  // refused with their own message
    guard hidden % heads == 0 else {
      throw ModelError(
        .value, file: document.path, line: document.line(of: [.key("num_attention_heads")]),
        "hidden_size \(hidden) is not a multiple of num_attention_heads \(heads), "
          + "and head_dim is absent")
    }
    return hidden / heads
  }

  private func storedType() throws(ModelError) -> StoredType? {
    let (key, value) =
      config.dtype.map { ("dtype", $0) } ?? ("torch_dtype", config.torchDtype ?? "")
    guard !value.isEmpty else { return nil }
    guard let type = StoredType(rawValue: value) else {
      let known = StoredType.allCases.map(\.rawValue).joined(separator: " ")
      throw ModelError(
        .feature, file: document.path, line: document.line(of: [.key(key)]),
        "\(key) '\(value)' is not supported; supported: \(known)")
    }
    return type
  }
}
