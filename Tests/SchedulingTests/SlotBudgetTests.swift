import Scheduling
import Testing

@Suite struct SlotBudgetTests {
  @Test("useful and padded slots add up to all slots, by phase and together")
  func usefulAndPaddedSlotsAdd() throws {
    for example in PlanGenerator.cases(400) {
      let plan = try example.plan()
      var sum = 0
      for phase in Phase.allCases {
        let budget = plan.slotBudget(phase)
        #expect(budget.useful + budget.paddedTotal == budget.slots, "\(example)")
        let steps = plan.steps.filter { $0.phase == phase }
        #expect(budget.slots == steps.reduce(0) { $0 + $1.slots }, "\(example)")
        #expect(budget.useful == steps.reduce(0) { $0 + $1.tokens }, "\(example)")
        let rows = steps.flatMap(\.microBatches).flatMap(\.rows)
        #expect(budget.pairs == rows.reduce(0) { $0 + $1.attentionPairs }, "\(example)")
        #expect(
          budget.usefulPairs == rows.reduce(0) { $0 + $1.usefulAttentionPairs }, "\(example)")
        #expect(
          budget.usefulPairs + budget.costs.values.reduce(0) { $0 + $1.pairs } == budget.pairs)
        sum += budget.slots
      }
      let all = plan.slotBudget()
      #expect(all.slots == sum, "\(example)")
      #expect(all.useful == plan.kvSlotsUsed, "every token fed has a KV slot: \(example)")
      let kv = all.costs.values.reduce(0) { $0 + $1.kvSlots }
      #expect(plan.kvSlotsUsed + kv == plan.kvSlotsReserved, "\(example)")
    }
  }

  @Test("causes of a padded batch are those counted by hand")
  func causesOfPaddedBatchAre() throws {
    let plan = try BatchPlan(
      policy: .rightPad, promptLengths: [2, 6, 3], outputLengths: [1, 4, 2], microBatches: 2)
    // Prefill: 3 rows of 6 slots, 11 tokens. Decode: 3 steps of 3 slots, 0 + 3 + 1 tokens.
    let prefill = plan.slotBudget(.prefill)
    #expect(prefill.slots == 18 && prefill.useful == 11 && prefill.padded == [.length: 7])
    let decode = plan.slotBudget(.decode)
    #expect(decode.slots == 9 && decode.useful == 4 && decode.padded == [.finished: 5])
    #expect(plan.slotBudget().padded == [.length: 7, .finished: 5])
    #expect(plan.kvSlotsReserved == 3 * (6 + 3))
    #expect(plan.kvSlotsUsed == 2 + 9 + 4)
  }

  @Test("fixed length, buckets and iterative fill have causes of their own")
  func causesOfTheirOwn() throws {
    func padded(_ policy: Policy, outputs: [Int] = [1, 1, 1]) throws -> [PaddingCause: Int] {
      try BatchPlan(
        policy: policy, promptLengths: [2, 6, 3], outputLengths: outputs, microBatches: 1
      ).slotBudget().padded
    }
    // To 6: 4 + 0 + 3; from 6 to 8: three rows of 2.
    #expect(try padded(.fixed(8)) == [.length: 7, .fixed: 6])
    #expect(try padded(.fixed(4)) == [.length: 3])
    // Buckets 4 (rows 2 and 3) and 8 (row 6): to the longest of the bucket 1, beyond 2 and 2.
    #expect(try padded(.bucketed(.given([4, 8]))) == [.length: 1, .bucket: 4])
    #expect(try padded(.bucketed(.best(2))) == [.length: 1])
    // From position 2 to 6 row 0 waits 4 steps, row 2 waits 3.
    #expect(try padded(.megatronIterative) == [.fill: 7])
    #expect(try padded(.sorted) == [.length: 7])
    #expect(try padded(.packedMicro).isEmpty)
  }

  @Test("attention with padded keys is charged to the cause of the key")
  func attentionWithPaddedKeys() throws {
    let plan = try BatchPlan(
      policy: .leftPad, promptLengths: [1, 3], outputLengths: [2, 2], microBatches: 1)
    let prefill = plan.slotBudget(.prefill)
    // Row 0: two padded queries see 1 + 2 keys; its real one sees 2 padded keys and itself.
    #expect(prefill.costs[.length]?.pairs == 1 + 2 + 2)
    #expect(prefill.usefulPairs == 1 + 6)
    #expect(plan.slotBudget(.decode).costs[.length]?.pairs == 2)
  }
}
