/// Floating-point operations of a forward pass; a multiply-add counts as two.
///
/// Counted: projections, query·key and weight·value products, LM head. Left out as everywhere in the
/// field: norms, rotation, softmax, activation, biases (Kaplan et al. 2020, section 2.1).
public struct FLOPCount: Sendable, Hashable, Codable {
  /// All layers' projections for one slot: 2 · weights.
  public let linearPerSlot: Int
  /// All layers' attention for one (query, key) pair: 4 · query heads · head dimension · layers.
  public let attentionPerPair: Int
  /// The LM head for one row: 2 · hidden · vocabulary.
  public let headPerRow: Int

  public init(_ model: ModelConfiguration) {
    linearPerSlot = 2 * model.layerCount * model.layerProjectionCount
    attentionPerPair = 4 * model.layerCount * model.queryWidth
    headPerRow =
      model.encoder?.headFLOPs(
        hidden: model.hiddenSize, pooled: model.hiddenSize, vocabulary: model.vocabularySize)
      ?? 2 * model.embeddingParameterCount
  }

  /// One rank's share; replicated KV heads are computed, so shares may add up to more than the whole.
  public init(_ shard: ShardPlan) {
    linearPerSlot = 2 * shard.layers.count * shard.layerProjectionCount
    attentionPerPair = 4 * shard.layers.count * shard.queryWidth
    let head =
      shard.model.encoder?.headFLOPs(
        hidden: shard.model.hiddenSize, pooled: shard.pooled.count,
        vocabulary: shard.vocabulary.count)
      ?? 2 * shard.model.hiddenSize * shard.vocabulary.count
    headPerRow = shard.hasLMHead ? head : 0
  }

  /// FLOPs of slots computed, (query, key) pairs attended and rows through the LM head.
  public func total(slots: Int, pairs: Int, headRows: Int) -> Double {
    Double(linearPerSlot) * Double(slots) + Double(attentionPerPair) * Double(pairs)
      + Double(headPerRow) * Double(headRows)
  }

  /// Causal pairs of `slots` new queries after `context` earlier ones: s·c + s(s + 1)/2.
  public static func causalPairs(context: Int = 0, slots: Int) -> Int {
    slots * context + slots * (slots + 1) / 2
  }

  /// Prefill of a batch padded to its longest row, or to `slotLength`.
  ///
  /// Attention over the causal half of the padded shape, LM head on each row's last token.
  public func padded(lengths: [Int], to slotLength: Int? = nil) -> Double {
    let length = Self.slotLength(lengths, slotLength)
    return total(
      slots: lengths.count * length, pairs: lengths.count * Self.causalPairs(slots: length),
      headRows: lengths.count)
  }

  /// Prefill of the same rows without padding: what real tokens need, the numerator of `mfu`.
  public func packed(lengths: [Int]) -> Double {
    total(
      slots: lengths.reduce(0, +), pairs: lengths.reduce(0) { $0 + Self.causalPairs(slots: $1) },
      headRows: lengths.count)
  }

  /// One decode step: one token per row, which sees `contexts` earlier slots and itself.
  public func decodeStep(contexts: [Int]) -> Double {
    total(
      slots: contexts.count, pairs: contexts.reduce(0) { $0 + $1 + 1 }, headRows: contexts.count)
  }

  /// The bound on packing's speed-up by METRICS.md's closed form, LM head left out.
  ///
  /// S = (a + q)/(a(1 − p) + q(1 − p)²(1 + c²)); a linear and q attention FLOPs of the padded batch,
  /// q = attentionPerPair · B·M²/2; p pad ratio, c population CoV of the lengths.
  public func idealPackingSpeedup(lengths: [Int], to slotLength: Int? = nil) -> Double {
    let length = Double(Self.slotLength(lengths, slotLength))
    let rows = Double(lengths.count)
    let mean = Double(lengths.reduce(0, +)) / rows
    let variance =
      lengths.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / rows
    let real = mean / length  // 1 − p
    let a = Double(linearPerSlot) * rows * length
    let q = Double(attentionPerPair) * rows * length * length / 2
    return (a + q) / (a * real + q * real * real * (1 + variance / (mean * mean)))
  }

  /// The same bound by counting: padded/packed with L(L + 1)/2 pairs a row and the LM head.
  public func exactPackingSpeedup(lengths: [Int], to slotLength: Int? = nil) -> Double {
    padded(lengths: lengths, to: slotLength) / packed(lengths: lengths)
  }

  private static func slotLength(_ lengths: [Int], _ given: Int?) -> Int {
    precondition(lengths.allSatisfy { $0 >= 1 }, "each row of a batch has at least one token")
    guard let longest = lengths.max() else { preconditionFailure("a batch has at least one row") }
    precondition((given ?? longest) >= longest, "the padded length is at least the longest row")
    return given ?? longest
  }
}
