import Scheduling
import Statistics

/// Ragged batches for property tests; the seed is fixed and part of each failure's text.
struct PlanGenerator {
  static let seed: UInt64 = 20_261_121
  private var random = SequentialRandom(seed: seed, stream: 7)

  struct Case: CustomStringConvertible {
    let policy: Policy
    let prompts: [Int]
    let outputs: [Int]
    let microBatches: Int
    var description: String {
      "seed \(PlanGenerator.seed): \(policy) \(prompts) -> \(outputs), \(microBatches) micro-batches"
    }
    func plan() throws -> BatchPlan {
      try BatchPlan(
        policy: policy, promptLengths: prompts, outputLengths: outputs,
        microBatches: microBatches)
    }
  }

  mutating func next() -> Case {
    let count = Int.random(in: 1...9, using: &random)
    let longest = [1, 2, 5, 40].randomElement(using: &random) ?? 1
    let outputs = [1, 2, 6].randomElement(using: &random) ?? 1
    return Case(
      policy: Policy.allCases.randomElement(using: &random) ?? .packed,
      prompts: (0..<count).map { _ in Int.random(in: 1...longest, using: &random) },
      outputs: (0..<count).map { _ in Int.random(in: 1...outputs, using: &random) },
      microBatches: Int.random(in: 1...5, using: &random))
  }

  static func cases(_ count: Int) -> [Case] {
    var generator = PlanGenerator()
    return (0..<count).map { _ in generator.next() }
  }
}
