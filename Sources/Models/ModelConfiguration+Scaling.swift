import Glibc
import Units

extension ModelConfiguration {
  /// A smaller model of the same structure with about `factor` times the parameters.
  ///
  /// The rule: width and depth each shrink by about the cube root of the factor (layers count once
  /// in the parameters, widths twice).
  /// - The GQA ratio (query heads per KV head) stays exactly.
  /// - Every tensor-parallel degree up to 8 that is valid for this model stays valid, and one that
  ///   splits the KV heads still splits them. Heads are dropped first where that allows it
  ///   (multi-head models); otherwise the head dimension shrinks, in multiples of 16, below 16 to 8.
  ///   Where that leaves no shape small enough, the degrees up to 4 stay valid.
  /// - Hidden size keeps its ratio to heads · head dimension, the feed-forward size its ratio to the
  ///   hidden size (rounded to multiples of 16), and the vocabulary its share of the parameters
  ///   (multiple of 64, at least 256).
  /// - Layers make up the rest, at least 4 where the model has as many, so that `pp4` works.
  /// - Family, rope, norm epsilon, tied or not, and maximum positions stay.
  ///
  /// Among the shapes the rule allows, the one nearest to the wanted count wins, then the one whose
  /// depth shrank as much as its width. Throws when the nearest is off by more than a factor of 1.5.
  /// `shapeSummary` of the result says what came out; its name is `qwen2.5-32b@1/256`.
  public func scaled(by factor: ScaleFactor) throws(ModelError) -> ModelConfiguration {
    guard !factor.isOne else { return self }
    let wanted = Double(parameterCount) * factor.value
    func isNear(_ model: ModelConfiguration) -> Bool {
      abs(log(Double(model.parameterCount) / wanted)) <= log(1.5)
    }
    let nearest = try nearestShape(factor, wanted: wanted, greatestDegree: 8)
    if let nearest, isNear(nearest) { return nearest }
    if let fewer = try nearestShape(factor, wanted: wanted, greatestDegree: 4), isNear(fewer) {
      return fewer
    }
    throw ModelError(
      .scale,
      "scale \(factor) of \(name) asks for \(Int(wanted).grouped) parameters, which no shape of "
        + "its structure has" + (nearest.map { "; the nearest is \($0.shapeSummary)" } ?? ""))
  }

  private func nearestShape(
    _ factor: ScaleFactor, wanted: Double, greatestDegree: Int
  ) throws(ModelError) -> ModelConfiguration? {
    let linear = cbrt(factor.value)
    var best: (score: Double, model: ModelConfiguration)?
    for kv in scaledKVHeads(greatestDegree: greatestDegree) {
      for dimension in scaledHeadDimensions {
        let width = Double(kv * dimension) / Double(kvWidth)
        let model = try candidate(
          factor: factor, kv: kv, dimension: dimension, width: width, wanted: wanted)
        let depth = Double(model.layerCount) / Double(layerCount)
        let lostDimension = Double(headDimension) / Double(dimension)
        let score =
          4 * abs(log(Double(model.parameterCount) / wanted)) + abs(log(depth / width))
          + abs(log(width / linear)) + 0.1 * log(lostDimension) + (dimension < 16 ? 0.5 : 0)
        if score < (best?.score ?? .infinity) { best = (score, model) }
      }
    }
    return best?.model
  }

  /// KV head counts that keep every valid degree so far, and keep it splitting where it splits.
  private func scaledKVHeads(greatestDegree: Int) -> [Int] {
    let degrees = validTensorDegrees.filter { $0 <= greatestDegree }
    return (1...kvHeads).filter { kv in
      degrees.allSatisfy { degree in
        let splits = kvHeads % degree == 0
        return splits
          ? kv % degree == 0
          : degree % kv == 0 && (kv * queriesPerKVHead) % degree == 0 && kv == kvHeads
      }
    }
  }

  private var scaledHeadDimensions: [Int] {
    let steps = Swift.stride(from: 16, to: headDimension, by: 16)
    return (headDimension > 8 ? [8] : []) + steps + [headDimension]
  }

  private func candidate(
    factor: ScaleFactor, kv: Int, dimension: Int, width: Double, wanted: Double
  ) throws(ModelError) -> ModelConfiguration {
    func rounded(_ value: Double, to unit: Int) -> Int {
      max(unit, Int((value / Double(unit)).rounded()) * unit)
    }
    let heads = (query: kv * queriesPerKVHead, kv: kv)
    let hidden =
      hiddenSize == queryWidth
      ? heads.query * dimension : rounded(Double(hiddenSize) * width, to: 16)
    let ratio = Double(hidden) / Double(hiddenSize)
    let feedForward = min(feedForwardSize, rounded(Double(feedForwardSize) * ratio, to: 16))
    // Vocabulary · hidden shrinks by the factor as a whole.
    let share = factor.value / ratio
    let vocabulary = min(
      vocabularySize, max(256, rounded(Double(vocabularySize) * share, to: 64)))
    func shape(layers: Int) throws(ModelError) -> ModelConfiguration {
      try resized(
        name: "\(name)@\(factor)", hidden: hidden, feedForward: feedForward, layers: layers,
        heads: heads, headDimension: dimension, vocabulary: vocabulary, positions: maxPositions)
    }
    let one = try shape(layers: 1)
    let outside = Double(one.parameterCount - one.layerParameterCount)
    let fit = ((wanted - outside) / Double(one.layerParameterCount)).rounded()
    let fewest = Double(min(4, layerCount))
    return try shape(layers: Int(max(fewest, min(Double(layerCount), fit))))
  }
}
