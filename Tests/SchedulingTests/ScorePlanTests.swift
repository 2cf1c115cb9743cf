import Scheduling
import Statistics
import Testing

@Suite struct ScorePlanTests {
  private static let policies: [Policy] = [
    .rightPad, .leftPad, .fixed(7), .fixed(64), .bucketed(.powers), .bucketed(.best(2)), .sorted,
    .multiBin(3), .packed, .packedMicro, .oneByOne,
  ]

  private struct Case: CustomStringConvertible {
    let policy: Policy
    let lengths: [Int]
    let microBatches: Int
    var description: String { "seed 31: \(policy) \(lengths), \(microBatches) micro-batches" }
    func plan() throws -> BatchPlan {
      try BatchPlan(scoring: policy, promptLengths: lengths, microBatches: microBatches)
    }
  }

  private static func cases() -> [Case] {
    var random = SequentialRandom(seed: 31, stream: 0)
    return (0..<40).flatMap { _ in
      let longest = [1, 5, 40].randomElement(using: &random) ?? 1
      let lengths = (0..<Int.random(in: 1...9, using: &random)).map { _ in
        Int.random(in: 1...longest, using: &random)
      }
      let micro = Int.random(in: 1...4, using: &random)
      return policies.map { Case(policy: $0, lengths: lengths, microBatches: micro) }
    }
  }

  @Test("every prompt token but the first is a target once, and padding has none")
  func targetsAreThePrompts() throws {
    for example in Self.cases() {
      let plan = try example.plan()
      #expect(plan.isScore && plan.steps.allSatisfy { $0.phase == .score }, "\(example)")
      #expect(plan.outputLengths.allSatisfy { $0 == 0 }, "\(example)")
      var scored = [[Int32]](repeating: [], count: example.lengths.count)
      for row in plan.steps.flatMap(\.microBatches).flatMap(\.rows) {
        #expect(row.context == 0 && row.firstToken == 0 && !row.samples, "\(example)")
        let prompt = (0..<plan.promptLengths[row.sequence]).map { Int32(100 + $0) }
        let targets = row.scoreTargets(prompt: prompt)
        #expect(targets.count == row.slots)
        for (slot, target) in targets.enumerated() {
          guard let target else { continue }
          #expect(row.real.contains(slot), "\(example)")
          // A slot predicts the token after its own position.
          #expect(Int(target) == 100 + row.position(ofSlot: slot) + 1, "\(example)")
        }
        scored[row.sequence] += targets.compactMap { $0 }
      }
      for (sequence, length) in example.lengths.enumerated() {
        let fed = if case .fixed(let limit) = example.policy { min(length, limit) } else { length }
        #expect(scored[sequence] == (1..<fed).map { Int32(100 + $0) }, "\(example)")
      }
    }
  }

  @Test("slots are those of the prefill, and KV memory is one micro-batch's")
  func slotsAreThePrefills() throws {
    for example in Self.cases() {
      let plan = try example.plan()
      let generate = try BatchPlan(
        policy: example.policy, promptLengths: example.lengths,
        outputLengths: example.lengths.map { _ in 1 }, microBatches: example.microBatches)
      let (own, prefill) = (plan.slotBudget(), generate.slotBudget(.prefill))
      #expect(own.slots == prefill.slots && own.padded == prefill.padded, "\(example)")
      #expect(own.pairs == prefill.pairs && own.usefulPairs == prefill.usefulPairs, "\(example)")
      let kv = own.costs.values.reduce(0) { $0 + $1.kvSlots }
      #expect(plan.kvSlotsUsed + kv == plan.kvSlotsReserved, "\(example)")
      #expect(plan.kvSlotsReserved == plan.largestMicroBatch, "\(example)")
      #expect(plan.kvSlotsUsed <= plan.kvSlotsReserved, "\(example)")
      for micro in plan.steps.flatMap(\.microBatches) {
        var next = 0
        for row in micro.rows {
          #expect(plan.regions[row.sequence] == KVRegion(base: next, capacity: row.slots))
          next += row.slots
        }
      }
    }
  }

  @Test("a score plan survives its encoding") func survivesEncoding() throws {
    for example in Self.cases() {
      let plan = try example.plan()
      #expect(try BatchPlan(decoding: plan.encoded()) == plan, "\(example)")
    }
  }

  @Test("megatron-iterative cannot score, and the error says why") func refusesIterative() {
    do {
      _ = try BatchPlan(scoring: .megatronIterative, promptLengths: [3, 2], microBatches: 1)
      Issue.record("accepted")
    } catch {
      #expect(error.description.hasPrefix("megatron-iterative feeds prompts position by position"))
      #expect(error.description.contains("right-pad"))
    }
  }
}
