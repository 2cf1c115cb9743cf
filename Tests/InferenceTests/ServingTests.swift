import TestSupport
import Testing

/// Serving under every layout of one replica; see `engine-checks`.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct ServingTests {
  @Test(
    "Random schedules give the answers of one-by-one decoding, lose no block and send what the model says",
    // Three modes with four checks each, under every layout, dialect and reduction.
    arguments: [(ranks: 1, cases: 12, wanted: 12 * 12), (2, 3, 3 * 36), (4, 2, 2 * 72)])
  func schedules(ranks: Int, cases: Int, wanted: Int) throws {
    // Seeds are printed with each check; `engine-checks serving SEED 1` repeats one.
    let result = try Ranks.checks(ranks, ["serving", "1", "\(cases)"])
    #expect(result.allPassed(atLeast: wanted), "\(result.summary)")
  }

  @Test("Many short requests with preemption and reuse are answered once, and all blocks return")
  func soak() throws {
    let result = try Ranks.checks(2, ["soak", "500"])
    #expect(result.allPassed(atLeast: 10), "\(result.summary)")
  }

  @Test("A weight that is no number stops serving, naming rank and layer", arguments: [1, 2, 4])
  func numbers(ranks: Int) throws {
    let result = try Ranks.checks(ranks, ["numbers"])
    #expect(result.allPassed(atLeast: 4), "\(result.summary)")
  }
}
