import Models
import Scheduling
import TestSupport

/// A small random model with a ragged batch: a function of the seed, the same on every rank.
struct RandomCase {
  let model: ModelConfiguration
  let prompts: [[Int32]]
  let outputs: [Int]
  let microBatches: Int
  let seed: UInt64
  /// Of two seeds in three.
  var graphs: GraphSizes? {
    seed % 3 == 0 ? nil : try? GraphSizes(seed % 3 == 1 ? [2, 4] : [1, 3, 8])
  }

  /// - Parameter ranks: the model fits every layout of so many ranks, and the batch has a request
  ///   for each.
  init(seed: UInt64, ranks: Int) throws {
    self.seed = seed
    var random = SplitMix64(seed: seed)
    let kvHeads = [1, 2, 4].randomElement(using: &random) ?? 1
    let group = [1, 2, 3].randomElement(using: &random) ?? 1
    // Query heads that 2 and 4 divide, whatever the KV heads.
    let queryHeads = 4 * group
    let family = ModelConfiguration.Family.allCases.randomElement(using: &random) ?? .llama
    let scaled = family == .llama && Bool.random(using: &random)
    let vocabulary = Int.random(in: 17...121, using: &random)
    // Every other model can be passed on in slices by any number of tensor ranks.
    let drawn = Int.random(in: 3...24, using: &random)
    let hidden = seed % 2 == 0 ? (drawn + ranks - 1) / ranks * ranks : drawn
    model = try ModelConfiguration(
      name: "random-\(seed)", family: family, hiddenSize: hidden,
      feedForwardSize: Int.random(in: 4...45, using: &random),
      layerCount: Int.random(in: 4...7, using: &random), queryHeads: queryHeads,
      kvHeads: kvHeads, headDimension: 2 * Int.random(in: 1...4, using: &random),
      vocabularySize: vocabulary, maxPositions: 64,
      rmsNormEpsilon: [1e-6, 1e-5].randomElement(using: &random) ?? 1e-6,
      rope: RotaryEmbedding(
        theta: [1e4, 1e6].randomElement(using: &random) ?? 1e4,
        scaling: scaled
          ? Llama3RopeScaling(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositions: 16)
          : nil),
      tiedEmbeddings: Bool.random(using: &random))
    let count = Int.random(in: max(ranks, 1)...max(ranks, 7), using: &random)
    prompts = (0..<count).map { _ in
      let single = Int.random(in: 0..<4, using: &random) == 0
      let length = single ? 1 : Int.random(in: 1...19, using: &random)
      return (0..<length).map { _ in Int32.random(in: 0..<Int32(vocabulary), using: &random) }
    }
    outputs = (0..<count).map { _ in Int.random(in: 1...6, using: &random) }
    microBatches = Int.random(in: 1...4, using: &random)
  }

  var description: String {
    "seed \(seed) \(model.family) \(model.layerCount) layers \(model.queryHeads)/\(model.kvHeads) "
      + "heads, prompts \(prompts.map(\.count)), outputs \(outputs), micro-batches \(microBatches)"
  }
}
