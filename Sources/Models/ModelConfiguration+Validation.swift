extension ModelConfiguration {
  /// A broken rule: the field (in `config.json`'s terms) and a sentence.
  struct Violation {
    let key: String
    let text: String
  }

  /// Upper bounds far above any published model and low enough that no count overflows `Int`.
  enum Limit {
    static let hidden = 1 << 20
    static let feedForward = 1 << 22
    static let layers = 1 << 12
    static let heads = 1 << 16
    static let headDimension = 1 << 12
    static let projectionWidth = 1 << 21
    static let vocabulary = 1 << 24
    static let positions = 1 << 30
  }

  /// The first rule these numbers break, or nil.
  var violation: Violation? {
    let sizes = [
      ("hidden_size", hiddenSize, Limit.hidden),
      ("intermediate_size", feedForwardSize, Limit.feedForward),
      ("num_hidden_layers", layerCount, Limit.layers),
      ("num_attention_heads", queryHeads, Limit.heads),
      ("num_key_value_heads", kvHeads, Limit.heads),
      ("head_dim", headDimension, Limit.headDimension),
      ("vocab_size", vocabularySize, Limit.vocabulary),
      ("max_position_embeddings", maxPositions, Limit.positions),
    ]
    for (key, value, most) in sizes where !(1...most).contains(value) {
      return Violation(key: key, text: "\(key) is \(value); it must be 1 to \(most)")
    }
    if queryHeads % kvHeads != 0 {
      return Violation(
        key: "num_key_value_heads",
        text: "\(queryHeads) query heads are not a multiple of \(kvHeads) KV heads")
    }
    if headDimension % 2 != 0, !isEncoder {
      return Violation(
        key: "head_dim", text: "head_dim is \(headDimension); rotary embedding needs an even one")
    }
    if queryHeads * headDimension > Limit.projectionWidth {
      return Violation(
        key: "num_attention_heads",
        text: "\(queryHeads) heads of \(headDimension) make a projection \(queryWidth) wide; "
          + "it must be at most \(Limit.projectionWidth)")
    }
    if !(rmsNormEpsilon > 0 && rmsNormEpsilon < 1) {
      let key = isEncoder ? "layer_norm_eps" : "rms_norm_eps"
      return Violation(key: key, text: "\(key) is \(rmsNormEpsilon); it must lie in (0, 1)")
    }
    return isEncoder ? encoderViolation : ropeViolation
  }

  /// Encoders have a KV head per query head and heads that fill the hidden size.
  private var encoderViolation: Violation? {
    guard queryHeads != kvHeads || queryWidth != hiddenSize else { return nil }
    return Violation(
      key: "num_attention_heads",
      text: "\(queryHeads) query heads and \(kvHeads) KV heads of \(headDimension) do not fit an "
        + "encoder of hidden size \(hiddenSize): heads · head dimension must be the hidden size")
  }

  private var ropeViolation: Violation? {
    if !(rope.theta >= 1 && rope.theta <= 1e15) {
      return Violation(
        key: "rope_theta", text: "rope_theta is \(rope.theta); it must lie in 1...1e15")
    }
    guard let scaling = rope.scaling else { return nil }
    let (low, high) = (scaling.lowFrequencyFactor, scaling.highFrequencyFactor)
    if !(scaling.factor >= 1 && scaling.factor.isFinite) {
      return Violation(
        key: "rope_scaling", text: "llama3 rope factor is \(scaling.factor); it must be at least 1")
    }
    if !(low > 0 && high > low && high.isFinite) {
      return Violation(
        key: "rope_scaling",
        text: "llama3 rope needs 0 < low_freq_factor < high_freq_factor, found \(low) and \(high)")
    }
    if !(1...Limit.positions).contains(scaling.originalMaxPositions) {
      return Violation(
        key: "rope_scaling",
        text: "original_max_position_embeddings is \(scaling.originalMaxPositions); "
          + "it must be 1 to \(Limit.positions)")
    }
    return nil
  }
}
