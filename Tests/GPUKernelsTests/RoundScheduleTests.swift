import Scheduling
import Testing

@testable import gpu_checks

@Suite struct RoundScheduleTests {
  private func cost(_ seconds: Double) -> RoundSchedule.Cost {
    RoundSchedule.Cost(compute: seconds, collectives: 0.5)
  }

  @Test func `two stages overlap two micro-batches, and decode waits for the first tokens`() throws
  {
    let plan = try BatchPlan(
      policy: .packed, promptLengths: [3, 3], outputLengths: [2, 2], microBatches: 2)
    #expect(plan.steps.map(\.microBatches.count) == [2, 2])
    // Prefill: 2 + 0.5 and 4 + 0.5 seconds; decode: 1 + 0.5 on both.
    let schedule = RoundSchedule(
      costs: [
        [[cost(2), cost(2)], [cost(1), cost(1)]], [[cost(4), cost(4)], [cost(1), cost(1)]],
      ], activations: { _ in 1 }, tokens: { _ in 0.25 })
    let result = schedule.run(plan)
    // Stage 0 ends at 2.5 and 5; stage 1 starts at 3.5, ends at 8 and 12.5; tokens at 12.75.
    #expect(result.prefillEnd == 12.75)
    // Stage 0: 12.75 to 14.25 and 15.75; stage 1: 15.25 to 16.75, then 16.75 to 18.25.
    #expect(result.end == 18.5)
    #expect(result.compute == 12)
    #expect(result.collectives == 2)
  }

  @Test func `one stage has nobody to send to`() throws {
    let plan = try BatchPlan(
      policy: .rightPad, promptLengths: [3, 1], outputLengths: [1, 1], microBatches: 1)
    let schedule = RoundSchedule(
      costs: [[[cost(2)]]], activations: { _ in 100 }, tokens: { _ in 100 })
    let result = schedule.run(plan)
    #expect(result.prefillEnd == 2.5)
    #expect(result.end == 2.5)
  }
}
