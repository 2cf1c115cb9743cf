/// Half of a layer: what `TransformerShard.inspect` sees the output of.
public struct LayerPart: Hashable, Sendable {
  /// Counted over the whole model.
  public let layer: Int
  /// True of attention, false of the feed-forward block.
  public let isAttention: Bool

  public init(layer: Int, isAttention: Bool) {
    self.layer = layer
    self.isAttention = isAttention
  }
}
