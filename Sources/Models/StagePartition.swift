/// Relative cost of what a pipeline stage may hold, in any one unit.
public struct StageCost: Sendable, Hashable, Codable {
  /// One transformer layer.
  public var layer: Double
  /// The embedding, on the first stage.
  public var embedding: Double
  /// Final norm and LM head, on the last stage.
  public var head: Double

  public init(layer: Double, embedding: Double, head: Double) {
    self.layer = layer
    self.embedding = embedding
    self.head = head
  }

  /// Time of a stage in weights used per computed slot.
  ///
  /// The LM head runs on a row's last token only: once per prompt in prefill, once per step in
  /// decode. `headShare` is its runs per slot, weighted by time; 0 is pure prefill, 1 pure decode,
  /// and 1/3 about 16 chat prompts of 64 tokens with 32 output tokens each on a machine where a
  /// decode step of 16 rows takes as long as 16 prefill slots: (16 + 32·16)/(16·64 + 32·16). The
  /// embedding copies one row of `hidden` numbers per slot. An encoder's head runs once per sequence
  /// and counts nothing.
  public static func time(
    of model: ModelConfiguration, headShare: Double = 1.0 / 3
  ) -> StageCost {
    StageCost(
      layer: Double(model.layerProjectionCount), embedding: Double(model.hiddenSize),
      head: model.isEncoder ? 0 : headShare * Double(model.embeddingParameterCount))
  }

  /// Memory of a stage in parameters; a tied head is a copy on the last stage.
  public static func parameters(of model: ModelConfiguration) -> StageCost {
    StageCost(
      layer: Double(model.layerParameterCount), embedding: Double(model.embeddingParameterCount),
      head: Double(model.embeddingParameterCount + model.hiddenSize))
  }
}

/// Which layers each pipeline stage holds: contiguous, in order, at least one each.
public struct StagePartition: Sendable, Hashable, Codable {
  public let stages: [Range<Int>]

  /// The partition whose most expensive stage is cheapest, and among those the most even one.
  ///
  /// Layers cost the same, so giving each next layer to the stage that is cheapest with it is
  /// optimal (separable convex resource allocation); among equals the first stage gets it.
  /// O(layers · stages). Default cost: `StageCost.time(of:)`. Throws when stages > layers.
  public static func balanced(
    _ model: ModelConfiguration, stages: Int, cost: StageCost? = nil
  ) throws(ModelError) -> StagePartition {
    precondition(stages >= 1, "a pipeline has at least one stage")
    try model.validate(pipelineDegree: stages)
    let cost = cost ?? .time(of: model)
    var load = [Double](repeating: cost.layer, count: stages)
    load[0] += cost.embedding
    load[stages - 1] += cost.head
    var sizes = [Int](repeating: 1, count: stages)
    for _ in stages..<max(stages, model.layerCount) {
      var cheapest = 0
      for stage in 1..<max(1, stages) where load[stage] < load[cheapest] { cheapest = stage }
      load[cheapest] += cost.layer
      sizes[cheapest] += 1
    }
    return StagePartition(sizes: sizes)
  }

  /// Explicit layer counts; throws unless each is at least 1 and they add up to the model's layers.
  public init(sizes: [Int], model: ModelConfiguration) throws(ModelError) {
    if sizes.isEmpty || sizes.contains(where: { !(1...model.layerCount).contains($0) })
      || sizes.count > model.layerCount || sizes.reduce(0, +) != model.layerCount
    {
      let text = sizes.map(String.init).joined(separator: " ")
      throw ModelError(
        .layout,
        "stage sizes \(text.isEmpty ? "(none)" : text) do not divide the \(model.layerCount) layers "
          + "of \(model.name): each must be at least 1 and their sum \(model.layerCount)")
    }
    self.init(sizes: sizes)
  }

  private init(sizes: [Int]) {
    var next = 0
    stages = sizes.map { size in
      defer { next += size }
      return next..<(next + size)
    }
  }
}
