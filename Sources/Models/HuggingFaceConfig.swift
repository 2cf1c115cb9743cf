import JSONReading

/// The keys of a Hugging Face `config.json` that padtax reads, in both layouts.
///
/// Older files have `rope_theta`, `rope_scaling` and `torch_dtype` at top level; transformers 5
/// writes `rope_parameters` and `dtype`. Keys that change nothing in a forward pass are ignored;
/// keys that would are read so that they can be refused.
struct HuggingFaceConfig: Decodable {
  var modelType: String
  var hiddenSize: JSONInteger?
  var intermediateSize: JSONInteger?
  var numHiddenLayers: JSONInteger?
  var numAttentionHeads: JSONInteger?
  var numKeyValueHeads: JSONInteger?
  var headDim: JSONInteger?
  var vocabSize: JSONInteger?
  var maxPositionEmbeddings: JSONInteger?
  var rmsNormEps: Double?
  var hiddenAct: String?
  var tieWordEmbeddings: Bool?
  var torchDtype: String?
  var dtype: String?

  var ropeTheta: Double?
  var ropeScaling: Rope?
  var ropeParameters: Rope?
  var partialRotaryFactor: Double?

  var attentionBias: Bool?
  var mlpBias: Bool?
  var slidingWindow: JSONInteger?
  var useSlidingWindow: Bool?
  var maxWindowLayers: JSONInteger?
  var layerTypes: [String]?

  var quantizationConfig: Presence?
  var isEncoderDecoder: Bool?
  var addCrossAttention: Bool?
  var attnLogitSoftcapping: Double?
  var finalLogitSoftcapping: Double?
  var numExperts: JSONInteger?
  var numLocalExperts: JSONInteger?

  struct Rope: Decodable {
    var ropeType: String?
    var type: String?
    var ropeTheta: Double?
    var partialRotaryFactor: Double?
    var factor: Double?
    var lowFreqFactor: Double?
    var highFreqFactor: Double?
    var originalMaxPositionEmbeddings: JSONInteger?

    enum CodingKeys: String, CodingKey {
      case ropeType = "rope_type"
      case type
      case ropeTheta = "rope_theta"
      case partialRotaryFactor = "partial_rotary_factor"
      case factor
      case lowFreqFactor = "low_freq_factor"
      case highFreqFactor = "high_freq_factor"
      case originalMaxPositionEmbeddings = "original_max_position_embeddings"
    }
  }

  /// Any value other than null.
  struct Presence: Decodable {
    init(from decoder: any Decoder) throws {}
  }

  enum CodingKeys: String, CodingKey {
    case modelType = "model_type"
    case hiddenSize = "hidden_size"
    case intermediateSize = "intermediate_size"
    case numHiddenLayers = "num_hidden_layers"
    case numAttentionHeads = "num_attention_heads"
    case numKeyValueHeads = "num_key_value_heads"
    case headDim = "head_dim"
    case vocabSize = "vocab_size"
    case maxPositionEmbeddings = "max_position_embeddings"
    case rmsNormEps = "rms_norm_eps"
    case hiddenAct = "hidden_act"
    case tieWordEmbeddings = "tie_word_embeddings"
    case torchDtype = "torch_dtype"
    case dtype
    case ropeTheta = "rope_theta"
    case ropeScaling = "rope_scaling"
    case ropeParameters = "rope_parameters"
    case partialRotaryFactor = "partial_rotary_factor"
    case attentionBias = "attention_bias"
    case mlpBias = "mlp_bias"
    case slidingWindow = "sliding_window"
    case useSlidingWindow = "use_sliding_window"
    case maxWindowLayers = "max_window_layers"
    case layerTypes = "layer_types"
    case quantizationConfig = "quantization_config"
    case isEncoderDecoder = "is_encoder_decoder"
    case addCrossAttention = "add_cross_attention"
    case attnLogitSoftcapping = "attn_logit_softcapping"
    case finalLogitSoftcapping = "final_logit_softcapping"
    case numExperts = "num_experts"
    case numLocalExperts = "num_local_experts"
  }
}

/// Only the key that decides whether the others make sense.
struct HuggingFaceModelType: Decodable {
  var modelType: String

  enum CodingKeys: String, CodingKey {
    case modelType = "model_type"
  }
}
