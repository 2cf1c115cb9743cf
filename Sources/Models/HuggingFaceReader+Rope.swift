import JSONReading

extension HuggingFaceReader {
  /// The rotary embedding from whichever layout the file has; both at once must agree.
  func rope() throws(ModelError) -> RotaryEmbedding {
    let nestedTheta = config.ropeParameters?.ropeTheta
    if let nestedTheta, let top = config.ropeTheta, nestedTheta != top {
      throw ModelError(
        .value, file: document.path, line: document.line(of: [.key("rope_theta")]),
        "rope_theta \(top) contradicts rope_parameters.rope_theta \(nestedTheta)")
    }
    let share = config.partialRotaryFactor ?? config.ropeParameters?.partialRotaryFactor ?? 1
    if share != 1 {
      throw ModelError(
        .feature, file: document.path, line: document.line(of: [.key("partial_rotary_factor")]),
        "partial_rotary_factor \(share) is not supported; supported: 1")
    }
    // Llama 2 and Mistral 0.1 files may leave rope_theta out: their classes' default is 10000.
    let hasDefault = family == .llama || family == .mistral
    guard let theta = nestedTheta ?? config.ropeTheta ?? (hasDefault ? 10_000 : nil) else {
      throw ModelError(.value, file: document.path, "key 'rope_theta' is missing")
    }
    let key = config.ropeParameters == nil ? "rope_scaling" : "rope_parameters"
    guard let scaling = config.ropeParameters ?? config.ropeScaling else {
      return RotaryEmbedding(theta: theta)
    }
    return RotaryEmbedding(theta: theta, scaling: try self.scaling(scaling, key: key))
  }

  private func scaling(
    _ rope: HuggingFaceConfig.Rope, key: String
  ) throws(ModelError) -> Llama3RopeScaling? {
    // A block without a type that only names the base (transformers 5) is the default kind.
    let isBare = rope.factor == nil && key == "rope_parameters"
    guard let type = rope.ropeType ?? rope.type ?? (isBare ? "default" : nil) else {
      throw ModelError(
        .value, file: document.path, line: document.line(of: [.key(key)]),
        "key 'rope_type' is missing in \(key)")
    }
    switch type {
    case "default": return nil
    case "llama3" where family == .llama:
      func require<Value>(_ value: Value?, _ name: String) throws(ModelError) -> Value {
        guard let value else {
          throw ModelError(
            .value, file: document.path, line: document.line(of: [.key(key)]),
            "key '\(name)' is missing in \(key)")
        }
        return value
      }
      return Llama3RopeScaling(
        factor: try require(rope.factor, "factor"),
        lowFrequencyFactor: try require(rope.lowFreqFactor, "low_freq_factor"),
        highFrequencyFactor: try require(rope.highFreqFactor, "high_freq_factor"),
        originalMaxPositions: try require(
          rope.originalMaxPositionEmbeddings?.value, "original_max_position_embeddings"))
    default:
      let known = family == .llama ? "default llama3" : "default"
      throw ModelError(
        .feature, file: document.path,
        line: document.line(of: [.key(key), .key(rope.ropeType == nil ? "type" : "rope_type")]),
        "rope scaling '\(type)' is not supported for \(family.rawValue); supported: \(known)")
    }
  }
}
