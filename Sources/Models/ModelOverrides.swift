/// Explicit sizes that replace a model's own; nil keeps the model's.
public struct ModelOverrides: Sendable, Hashable, Codable {
  public var layerCount: Int?
  public var hiddenSize: Int?
  public var queryHeads: Int?
  public var kvHeads: Int?
  public var headDimension: Int?
  public var feedForwardSize: Int?
  public var vocabularySize: Int?
  public var maxPositions: Int?

  public init() {}

  public var isEmpty: Bool { self == ModelOverrides() }

  /// `layers=4,hidden=256`, in a fixed order; names a derived model.
  var summary: String {
    let parts: [(String, Int?)] = [
      ("layers", layerCount), ("hidden", hiddenSize), ("heads", queryHeads), ("kv", kvHeads),
      ("headdim", headDimension), ("ffn", feedForwardSize), ("vocab", vocabularySize),
      ("positions", maxPositions),
    ]
    return parts.compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(separator: ",")
  }
}

extension ModelConfiguration {
  /// The model with some sizes replaced and nothing else changed; throws when they do not fit.
  ///
  /// The head dimension is a number of its own: a new hidden size leaves heads as they are. The name
  /// becomes `qwen2.5-32b+layers=4,hidden=256`.
  public func overriding(_ overrides: ModelOverrides) throws(ModelError) -> ModelConfiguration {
    guard !overrides.isEmpty else { return self }
    do {
      return try resized(
        name: "\(name)+\(overrides.summary)", hidden: overrides.hiddenSize ?? hiddenSize,
        feedForward: overrides.feedForwardSize ?? feedForwardSize,
        layers: overrides.layerCount ?? layerCount,
        heads: (overrides.queryHeads ?? queryHeads, overrides.kvHeads ?? kvHeads),
        headDimension: overrides.headDimension ?? headDimension,
        vocabulary: overrides.vocabularySize ?? vocabularySize,
        positions: overrides.maxPositions ?? maxPositions)
    } catch {
      throw ModelError(.scale, error.message)
    }
  }

  func resized(
    name: String, hidden: Int, feedForward: Int, layers: Int, heads: (query: Int, kv: Int),
    headDimension: Int, vocabulary: Int, positions: Int
  ) throws(ModelError) -> ModelConfiguration {
    try ModelConfiguration(
      name: name, family: family, hiddenSize: hidden, feedForwardSize: feedForward,
      layerCount: layers, queryHeads: heads.query, kvHeads: heads.kv,
      headDimension: headDimension, vocabularySize: vocabulary, maxPositions: positions,
      rmsNormEpsilon: rmsNormEpsilon, rope: rope, tiedEmbeddings: tiedEmbeddings,
      storedType: storedType, encoder: encoder)
  }
}
