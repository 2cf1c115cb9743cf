import TestSupport
import Testing

/// Runs `rank-checks` under mpirun. Each launch makes all checks and costs under a second.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct RankTests {
  private func run(_ ranks: Int, _ arguments: String..., timeLimit: Double = 90) throws
    -> ProcessOutput
  {
    try RankLauncher.run(
      ranks: ranks, try RankLauncher.executable("rank-checks"), arguments, timeLimit: timeLimit)
  }

  @Test("All checks hold on every number of ranks", arguments: 1...4)
  func checks(ranks: Int) throws {
    let result = try run(ranks)
    #expect(result.exitCode == 0, "\(result.summary)")
    let lines = result.standardOutput.split(separator: "\n")
    let last = try #require(lines.last { $0.hasPrefix("rank-checks on") })
    #expect(last.hasPrefix("rank-checks on \(ranks) ranks:"))
    #expect(last.hasSuffix(" 0 failed"))
    // A run that stopped checking half-way would pass otherwise.
    #expect(lines.count { $0.hasPrefix("ok - ") } > 150)
    #expect(!lines.contains { $0.hasPrefix("FAIL") }, "\(result.summary)")
  }

  @Test func anAbortOnOneRankEndsAllWithItsCode() throws {
    let result = try run(3, "abort", "4", timeLimit: 30)
    #expect(result.exitCode == 4, "\(result.summary)")
    #expect(!result.timedOut)
  }

  @Test func aKilledRankEndsTheRun() throws {
    let result = try run(2, "end-early", timeLimit: 30)
    #expect(result.exitCode != 0)
    #expect(!result.timedOut, "\(result.summary)")
  }

  @Test func theTimeLimitEndsHungRanks() throws {
    let result = try run(2, "hang", timeLimit: 1.5)
    #expect(result.timedOut)
  }

  @Test func droppingAnUnfinishedRequestTrapsWithASentence() throws {
    let result = try run(1, "drop-request", timeLimit: 60)
    #expect(result.exitCode != 0)
    #expect(
      result.standardError.contains("dropped before it finished"), "\(result.summary)")
  }

  @Test func testingARequestUnderAVirtualClockTrapsWithASentence() throws {
    let result = try run(1, "test-clocked", timeLimit: 60)
    #expect(result.exitCode != 0)
    #expect(result.standardError.contains("no meaning in virtual time"), "\(result.summary)")
  }
}
