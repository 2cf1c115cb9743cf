/// What one rank holds of a model: its layers, heads, feed-forward columns and vocabulary rows.
public struct ShardPlan: Sendable, Hashable {
  public let model: ModelConfiguration
  public let layout: ParallelLayout
  public let stage: Int
  public let tensorRank: Int

  /// Layers of the whole model this rank's stage runs.
  public let layers: Range<Int>
  /// Query heads of the whole model this rank computes.
  public let queryHeads: Range<Int>
  /// KV heads of the whole model this rank stores; more than one rank has them when replicated.
  public let kvHeads: Range<Int>
  /// Columns of the gate and up projections, rows of the down projection.
  public let feedForward: Range<Int>
  /// Rows of the embedding and of the LM head.
  public let vocabulary: Range<Int>
  /// The first stage embeds tokens.
  public let hasEmbedding: Bool
  /// The last stage has the final norm and the LM head.
  public let hasLMHead: Bool

  /// The shard of `rank` of the layout; partition defaults to the balanced one.
  public init(
    model: ModelConfiguration, layout: ParallelLayout, rank: Int, partition: StagePartition? = nil
  ) throws(ModelError) {
    guard (0..<layout.worldSize).contains(rank) else {
      throw ModelError(
        .layout,
        "rank \(rank) is outside layout \(layout), which has ranks 0 to "
          + "\(layout.worldSize - 1)")
    }
    let place = layout.coordinates(of: rank)
    try self.init(
      model: model, layout: layout, stage: place.stage, tensorRank: place.tensor,
      partition: partition)
  }

  /// The shard at a stage and tensor rank; throws when the layout does not fit the model.
  public init(
    model: ModelConfiguration, layout: ParallelLayout, stage: Int, tensorRank: Int,
    partition: StagePartition? = nil
  ) throws(ModelError) {
    precondition((0..<layout.pipeline).contains(stage), "the stage lies within the layout")
    precondition((0..<layout.tensor).contains(tensorRank), "the tensor rank lies in the layout")
    try layout.validate(for: model)
    let partition =
      if let partition { partition } else {
        try StagePartition.balanced(model, stages: layout.pipeline)
      }
    guard partition.stages.count == layout.pipeline,
      partition.stages.last?.upperBound == model.layerCount
    else {
      throw ModelError(
        .layout,
        "\(partition.stages.count) stages of \(partition.stages.last?.upperBound ?? 0) layers do "
          + "not fit layout \(layout) of \(model.name) (\(model.layerCount) layers)")
    }
    self.model = model
    self.layout = layout
    self.stage = stage
    self.tensorRank = tensorRank
    layers = partition.stages[stage]
    let degree = layout.tensor
    queryHeads = Self.split(model.queryHeads, into: degree, part: tensorRank)
    if degree <= model.kvHeads {
      kvHeads = Self.split(model.kvHeads, into: degree, part: tensorRank)
    } else {
      let head = tensorRank * model.kvHeads / degree
      kvHeads = head..<(head + 1)
    }
    feedForward = Self.split(model.feedForwardSize, into: degree, part: tensorRank)
    vocabulary = Self.split(model.vocabularySize, into: degree, part: tensorRank)
    hasEmbedding = stage == 0
    hasLMHead = stage == layout.pipeline - 1
  }

  /// Part `part` of 0..<count in `parts` contiguous ranges; the first parts get the remainder.
  public static func split(_ count: Int, into parts: Int, part: Int) -> Range<Int> {
    precondition(parts >= 1 && (0..<parts).contains(part), "a part lies in 0..<parts")
    let (size, extra) = count.quotientAndRemainder(dividingBy: parts)
    let start = part * size + min(part, extra)
    return start..<(start + size + (part < extra ? 1 : 0))
  }
}
