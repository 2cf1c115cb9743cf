import Models
import Scheduling
import Statistics
import Testing

@Suite struct EncoderPlanTests {
  private static let policies: [Policy] = [
    .rightPad, .leftPad, .sorted, .packed, .packedMicro, .oneByOne, .fixed(70),
    .bucketed(.powers), .bucketed(.best(3)), .multiBin(3),
  ]

  @Test("an encoder's plan has one prefill, whole rows, no KV and no output")
  func shape() throws {
    var random = SequentialRandom(seed: 11, stream: 0)
    for turn in 0..<200 {
      let policy = Self.policies[turn % Self.policies.count]
      let lengths = (0..<Int.random(in: 1...9, using: &random)).map { _ in
        Int.random(in: 1...64, using: &random)
      }
      let plan = try BatchPlan(
        encoding: policy, promptLengths: lengths,
        microBatches: Int.random(in: 1...4, using: &random))
      #expect(plan.isEncoding && plan.kvSlotsReserved == 0 && plan.kvSlotsUsed == 0)
      #expect(plan.steps.allSatisfy { $0.phase == .prefill })
      let rows = plan.steps.flatMap(\.microBatches).flatMap(\.rows)
      #expect(rows.map(\.sequence).sorted() == Array(lengths.indices))
      for row in rows {
        #expect(row.tokens == lengths[row.sequence] && row.samples && row.isBidirectional)
        #expect(row.attentionPairs == row.slots * row.slots)
        #expect(row.usefulAttentionPairs == row.tokens * row.tokens)
        #expect(row.masked.count == row.slots - row.tokens)
      }
      #expect(try BatchPlan(decoding: plan.encoded()) == plan, "\(policy) \(lengths)")
      let budget = plan.slotBudget()
      #expect(budget.useful == lengths.reduce(0, +))
      #expect(budget.useful + budget.paddedTotal == budget.slots, "\(policy) \(lengths)")
      let wasted = budget.costs.values.reduce(0) { $0 + $1.pairs }
      #expect(budget.usefulPairs + wasted == budget.pairs, "\(policy) \(lengths)")
      #expect(budget.costs.values.allSatisfy { $0.kvSlots == 0 })
    }
  }

  @Test("two rows of 3 and 5 tokens, counted by hand")
  func byHand() throws {
    let budget = try BatchPlan(encoding: .rightPad, promptLengths: [3, 5], microBatches: 1)
      .slotBudget()
    #expect(budget.slots == 10 && budget.useful == 8 && budget.padded == [.length: 2])
    #expect(budget.pairs == 50 && budget.usefulPairs == 34 && budget.costs[.length]?.pairs == 16)
  }

  @Test("feeding an encoder position by position is refused")
  func megatron() throws {
    #expect(throws: SchedulingError.self) {
      try BatchPlan(encoding: .megatronIterative, promptLengths: [3, 5], microBatches: 1)
    }
    let model = try ModelConfiguration.preset("minilm-l6")
    #expect(throws: SchedulingError.self) { try model.validate(.megatronIterative) }
    for policy in Self.policies { try model.validate(policy) }
    try ModelConfiguration.preset("qwen2.5-0.5b").validate(.megatronIterative)
  }
}
