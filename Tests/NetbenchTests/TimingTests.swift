import Netbench
import Testing

@Suite struct TimingTests {
  @Test("a short call is repeated until a slice lasts, a long one twice")
  func calls() throws {
    let short = try #require(TimingPlan(call: 1e-6, effort: .seconds(0.05)))
    #expect(short.calls == 1000 && short.slices == 50)
    let long = try #require(TimingPlan(call: 0.02, effort: .seconds(0.05)))
    #expect(long.calls == 2 && long.slices == 5)
    let odd = try #require(TimingPlan(call: 0.3e-3, effort: .seconds(0.05)))
    #expect(odd.calls == 2 && odd.slices == 50)
  }

  @Test("a size that takes twenty times the effort is left out, unless repeats were asked for")
  func tooLong() throws {
    #expect(TimingPlan(call: 0.11, effort: .seconds(0.05)) == nil)
    #expect(TimingPlan(call: 0.09, effort: .seconds(0.05)) != nil)
    #expect(try #require(TimingPlan(call: 10, effort: .repeats(3))) == .init(calls: 2, slices: 3))
  }

  @Test("the probe makes more calls until they last, and the shortest of three runs counts")
  func probe() throws {
    var probe = TimingProbe(effort: .seconds(0.05))
    #expect(probe.calls == 2)
    probe.record(seconds: 2e-6)
    probe.record(seconds: 8e-6)
    #expect(probe.calls == 32 && !probe.isDone)
    probe.record(seconds: 0.05)  // Disturbed.
    #expect(probe.calls == 32 && !probe.isDone)
    probe.record(seconds: 3.2e-3)
    #expect(!probe.isDone)
    probe.record(seconds: 0.01)
    #expect(probe.isDone)
    #expect(try #require(probe.plan).calls == 10)
  }

  @Test("a long run is not repeated, and a disturbed one does not end the growth")
  func probeEnds() {
    var long = TimingProbe(effort: .seconds(0.05))
    long.record(seconds: 0.5)
    #expect(long.isDone && long.plan == nil)
    var disturbed = TimingProbe(effort: .seconds(0.05))
    disturbed.record(seconds: 0.03)
    disturbed.record(seconds: 2e-6)
    #expect(disturbed.calls == 8 && !disturbed.isDone)
  }

  @Test("a slice's time is the mean over ranks, its statistics are over slices")
  func statistics() throws {
    let found = try TimingStatistics(slices: [(0, [1, 2, 3, 10]), (3, [3, 4, 5, 12])])
    // Means over ranks: 2 3 4 11.
    #expect(found.minimum == 2 && found.maximum == 11)
    #expect(found.median == 3.5 && found.average == 5)
    #expect(abs(found.p95 - 9.95) < 1e-12 && abs(found.p99 - 10.79) < 1e-12)
    #expect(abs(found.deviation - 12.5.squareRoot()) < 1e-12)
    #expect(abs(found.variation - 12.5.squareRoot() * 20) < 1e-12)
    #expect(found.ranks.map(\.rank) == [0, 3])
    #expect(found.ranks[1].minimum == 3 && found.ranks[1].median == 4.5)
    #expect(abs(found.ranks[0].p95 - 8.95) < 1e-12)
  }

  @Test("what is subtracted is the least disturbed slice")
  func undisturbed() {
    #expect(TimingStatistics.undisturbed([[4, 2, 9], [6, 4, 1]]) == 3)
    #expect(TimingStatistics.undisturbed([]) == 0)
  }
}
