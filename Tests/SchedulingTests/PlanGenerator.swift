import Scheduling
import Statistics

/// Ragged batches for property tests; the seed is fixed and part of each failure's text.
struct PlanGenerator {
  static let seed: UInt64 = 20_261_121
  private var random = SequentialRandom(seed: seed, stream: 7)

  /// Every policy, with values that cut, fit and exceed the generated lengths (at most 40).
  static let policies: [Policy] = [
    .fixed(3), .fixed(40), .fixed(64), .rightPad, .leftPad, .bucketed(.given([1, 8, 40, 50])),
    .bucketed(.powers), .bucketed(.best(2)), .bucketed(.best(4)), .sorted, .multiBin(3),
    .megatronIterative, .packed, .packedMicro, .oneByOne,
  ]

  struct Case: CustomStringConvertible {
    let policy: Policy
    let prompts: [Int]
    let outputs: [Int]
    let microBatches: Int
    var description: String {
      "seed \(PlanGenerator.seed): \(policy) \(prompts) -> \(outputs), \(microBatches) micro-batches"
    }
    func plan(_ graphs: GraphSizes? = nil) throws -> BatchPlan {
      try BatchPlan(
        policy: policy, promptLengths: prompts, outputLengths: outputs,
        microBatches: microBatches, graphs: graphs)
    }
  }

  mutating func next() -> Case {
    let count = Int.random(in: 1...9, using: &random)
    let longest = [1, 2, 5, 40].randomElement(using: &random) ?? 1
    let outputs = [1, 2, 6].randomElement(using: &random) ?? 1
    return Case(
      policy: Self.policies.randomElement(using: &random) ?? .packed,
      prompts: (0..<count).map { _ in Int.random(in: 1...longest, using: &random) },
      outputs: (0..<count).map { _ in Int.random(in: 1...outputs, using: &random) },
      microBatches: Int.random(in: 1...5, using: &random))
  }

  static func cases(_ count: Int) -> [Case] {
    var generator = PlanGenerator()
    return (0..<count).map { _ in generator.next() }
  }
}
