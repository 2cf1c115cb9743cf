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
        sum += budget.slots
      }
      let all = plan.slotBudget()
      #expect(all.slots == sum, "\(example)")
      #expect(all.useful == plan.kvSlotsUsed, "every token fed has a KV slot: \(example)")
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
}
