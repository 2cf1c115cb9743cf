import Scheduling
import Statistics
import Testing

@Suite struct ContinuousSchedulerTests {
  @Test func everyRequestEndsOnceAndAllBlocksComeBack() throws {
    for seed in 0..<40 as Range<UInt64> {
      var random = SequentialRandom(seed: seed)
      let limits = try ServingCase.limits(&random)
      let requests = try ServingCase.requests(&random, count: 60, limits: limits)
      let run = try ServingRun(limits: limits, requests: requests, random: &random)
      #expect(run.finished.map(\.request.id).sorted() == requests.map(\.id), "seed \(seed)")
      #expect(run.scheduler.occupancy.usedBlocks == 0, "seed \(seed)")
      #expect(run.scheduler.occupancy.emptySlots == 0, "seed \(seed)")
      for record in run.finished {
        #expect(record.tokens == ServingRun.answer(to: record.request), "seed \(seed)")
      }
    }
  }
}
