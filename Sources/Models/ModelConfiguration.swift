/// The element type a checkpoint is stored in.
public enum StoredType: String, Sendable, Hashable, Codable, CaseIterable {
  case float32
  case float16
  case bfloat16

  /// Bytes per element.
  public var bytes: Int { self == .float32 ? 4 : 2 }
}

/// The architecture numbers of one transformer; an instance is always valid.
///
/// The four decoder families share one structure: RMSNorm before attention and before a gated SiLU
/// feed-forward network, rotary positions, grouped-query attention, no biases other than on Q, K, V.
/// What an encoder has instead is `EncoderFeatures`'s documentation.
public struct ModelConfiguration: Sendable, Hashable, Codable {
  public enum Family: String, Sendable, Hashable, Codable, CaseIterable {
    case qwen2
    case qwen3
    case llama
    case mistral
    case bert
  }

  public let name: String
  public let family: Family
  public let hiddenSize: Int
  public let feedForwardSize: Int
  public let layerCount: Int
  public let queryHeads: Int
  public let kvHeads: Int
  public let headDimension: Int
  public let vocabularySize: Int
  /// Most positions a sequence may have, prompt and output together.
  public let maxPositions: Int
  /// Epsilon of the norms: RMSNorm, in an encoder LayerNorm.
  public let rmsNormEpsilon: Double
  /// `unused` in an encoder, whose positions are learned.
  public let rope: RotaryEmbedding
  /// The LM head uses the embedding's matrix.
  public let tiedEmbeddings: Bool
  /// The checkpoint's element type, where the source says it.
  public let storedType: StoredType?
  /// What an encoder (`bert`) has beside; nil in a decoder.
  public let encoder: EncoderFeatures?

  /// Q, K and V projections have biases (qwen2).
  public var qkvBias: Bool { family == .qwen2 }
  /// Each head of Q and K passes an RMSNorm of its own before the rotation (qwen3).
  public var queryKeyNorm: Bool { family == .qwen3 }

  /// Takes the numbers as they are; throws when one is impossible or they do not fit together.
  public init(
    name: String, family: Family, hiddenSize: Int, feedForwardSize: Int, layerCount: Int,
    queryHeads: Int, kvHeads: Int, headDimension: Int, vocabularySize: Int, maxPositions: Int,
    rmsNormEpsilon: Double, rope: RotaryEmbedding, tiedEmbeddings: Bool,
    storedType: StoredType? = nil, encoder: EncoderFeatures? = nil
  ) throws(ModelError) {
    self.name = name
    self.family = family
    self.hiddenSize = hiddenSize
    self.feedForwardSize = feedForwardSize
    self.layerCount = layerCount
    self.queryHeads = queryHeads
    self.kvHeads = kvHeads
    self.headDimension = headDimension
    self.vocabularySize = vocabularySize
    self.maxPositions = maxPositions
    self.rmsNormEpsilon = rmsNormEpsilon
    self.rope = rope
    self.tiedEmbeddings = tiedEmbeddings
    self.storedType = storedType
    self.encoder = encoder
    if let violation { throw ModelError(.value, "\(name): \(violation.text)") }
  }

  private enum CodingKeys: String, CodingKey {
    case name, family, hiddenSize, feedForwardSize, layerCount, queryHeads, kvHeads, headDimension
    case vocabularySize, maxPositions, rmsNormEpsilon, rope, tiedEmbeddings, storedType
    case encoder
  }

  public init(from decoder: any Decoder) throws {
    let keyed = try decoder.container(keyedBy: CodingKeys.self)
    do {
      try self.init(
        name: keyed.decode(String.self, forKey: .name),
        family: keyed.decode(Family.self, forKey: .family),
        hiddenSize: keyed.decode(Int.self, forKey: .hiddenSize),
        feedForwardSize: keyed.decode(Int.self, forKey: .feedForwardSize),
        layerCount: keyed.decode(Int.self, forKey: .layerCount),
        queryHeads: keyed.decode(Int.self, forKey: .queryHeads),
        kvHeads: keyed.decode(Int.self, forKey: .kvHeads),
        headDimension: keyed.decode(Int.self, forKey: .headDimension),
        vocabularySize: keyed.decode(Int.self, forKey: .vocabularySize),
        maxPositions: keyed.decode(Int.self, forKey: .maxPositions),
        rmsNormEpsilon: keyed.decode(Double.self, forKey: .rmsNormEpsilon),
        rope: keyed.decode(RotaryEmbedding.self, forKey: .rope),
        tiedEmbeddings: keyed.decode(Bool.self, forKey: .tiedEmbeddings),
        storedType: keyed.decodeIfPresent(StoredType.self, forKey: .storedType),
        encoder: keyed.decodeIfPresent(EncoderFeatures.self, forKey: .encoder))
    } catch let error as ModelError {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: error.message))
    }
  }
}
