import TestSupport
import Testing

/// The whole engine under every layout. Each launch makes many checks; see `engine-checks`.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct LayoutTests {
  /// Layouts of one replica with so many ranks, three policies, one and two micro-batches; one
  /// folder more under all policies.
  private static let perFolder = [1: 6, 2: 12, 4: 18]

  @Test(
    "Our golden checkpoints pass under every layout, policy and one or two micro-batches",
    arguments: [1, 2, 4])
  func ownGolden(ranks: Int) throws {
    let result = try Ranks.checks(ranks, ["golden"] + GoldenFolders.own)
    let wanted = GoldenFolders.own.count * (Self.perFolder[ranks] ?? 0)
    #expect(result.allPassed(atLeast: wanted), "\(result.summary)")
  }

  @Test(
    "The shared golden checkpoints pass under every layout, policy and one or two micro-batches",
    .enabled(
      if: GoldenFolders.shared.count == 7,
      "\(SharedData.missing("golden"))"), arguments: [1, 2, 4])
  func sharedGolden(ranks: Int) throws {
    let result = try Ranks.checks(ranks, ["golden"] + GoldenFolders.shared)
    let wanted = GoldenFolders.shared.count * (Self.perFolder[ranks] ?? 0)
    #expect(result.allPassed(atLeast: wanted), "\(result.summary)")
  }

  @Test(
    "Random models and ragged batches agree with the reference under every dialect and reduction",
    // Eleven policies: twice for each layout, on two backends, and once for each dialect or
    // reduction that makes a difference there.
    arguments: [
      (ranks: 1, cases: 6, checks: 6 * 22), (2, 3, 3 * (3 * 22 + 2 * 11)),
      (3, 2, 2 * (2 * 22 + 11)),
      (4, 2, 2 * (6 * 22 + 5 * 11) + 11),
    ])
  func randomCases(ranks: Int, cases: Int, checks: Int) throws {
    // Seeds are printed with each check; `engine-checks random SEED 1` repeats one.
    let result = try Ranks.checks(ranks, ["random", "100", "\(cases)"])
    #expect(result.allPassed(atLeast: checks), "\(result.summary)")
  }

  @Test(
    "In bfloat16 every layout, dialect and reduction agrees with plain loops, messages rounded or not",
    // Three policies, two formats of messages: on two backends for each layout, and on one for each
    // dialect or reduction that makes a difference there.
    arguments: [(ranks: 1, cases: 2, checks: 2 * 12), (2, 1, 30), (4, 1, 60)])
  func bfloat16(ranks: Int, cases: Int, checks: Int) throws {
    let result = try Ranks.checks(ranks, ["bf16", "300", "\(cases)"])
    #expect(result.allPassed(atLeast: checks), "\(result.summary)")
  }

  @Test(
    "Every rank sends what the model of traffic says, in every layout, dialect, policy and phase",
    arguments: [(ranks: 2, cases: 1, wanted: 60), (4, 1, 40), (8, 1, 25)])
  func traffic(ranks: Int, cases: Int, wanted: Int) throws {
    let result = try Ranks.checks(ranks, ["traffic", "200", "\(cases)"])
    #expect(result.allPassed(atLeast: wanted), "\(result.summary)")
  }

  @Test(
    "One tensor wrong by 1 % on one rank does not pass, whichever it is", arguments: [1, 2, 4])
  func sensitivity(ranks: Int) throws {
    let result = try Ranks.checks(ranks, ["sensitivity"])
    #expect(result.allPassed(atLeast: 20), "\(result.summary)")
  }
}
