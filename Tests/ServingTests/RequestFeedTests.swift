import Scheduling
import Serving
import Testing
import Workloads

@Suite struct RequestFeedTests {
  private func requests(_ count: Int) throws -> [ServingRequest] {
    try (0..<count).map {
      try ServingRequest(id: $0, prompt: .tokens([1]), outputTokens: 1, arrival: 0)
    }
  }

  @Test func anOpenLoopSendsOnScheduleAndCountsLatencyFromIt() throws {
    var feed = try RequestFeed(
      requests(3), arrivals: .trace(speed: 2), seed: 1, recorded: [10, 12, 16],
      maxConcurrency: 1)
    #expect(try feed.due(now: 0).map(\.arrival) == [0])
    // The second is intended at 1 s; the limit holds it back, its arrival stays.
    #expect(try feed.due(now: 2).isEmpty && feed.nextArrival == nil)
    feed.completed(1, now: 2.5)
    #expect(try feed.due(now: 2.5).map(\.arrival) == [1])
    #expect(feed.nextArrival == nil && !feed.isExhausted)
    feed.completed(1, now: 2.75)
    #expect(feed.nextArrival == 3)
    #expect(try feed.due(now: 3).map(\.id) == [2] && feed.isExhausted)
  }

  @Test func usersOfAClosedLoopSendWhenTheyAreAnswered() throws {
    var feed = try RequestFeed(requests(4), arrivals: .closed(users: 2), seed: 1)
    #expect(try feed.due(now: 0).map(\.id) == [0, 1])
    #expect(feed.nextArrival == nil)
    feed.completed(1, now: 1.5)
    let next = try feed.due(now: 2)
    #expect(next.map(\.id) == [2] && next.map(\.arrival) == [1.5])
    feed.completed(2, now: 3)
    #expect(try feed.due(now: 3).map(\.arrival) == [3] && feed.isExhausted)
    #expect(feed.nextArrival == nil)
  }

  @Test func recordedArrivalsMustBeThere() throws {
    #expect(throws: WorkloadError.self) {
      try RequestFeed(requests(2), arrivals: .trace(speed: 1), seed: 1, recorded: [0, nil])
    }
  }
}
