import Records
import TestSupport
import Testing

@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct PrecisionTests {
  /// Repeats that count, by policy, of a small job on two ranks.
  private func repeats(_ rule: [String]) throws -> [String: [Int]] {
    let folder = try JobFolder(more: rule)
    let result = try Ranks.run(2, job: folder.job, layout: "tp2", out: folder.out)
    try #require(result.exitCode == 0, "\(result.summary)")
    let records = try folder.records(BatchRecord.self, folder.cell("tp2").batches)
    return Dictionary(grouping: records.filter { !$0.warmup }, by: \.policy)
      .mapValues { $0.map(\.repeatIndex) }
  }

  @Test("repeats go on to the cap where the interval stays wide, and stop at six where any will do")
  func stops() throws {
    let wide = try repeats(["until-ci: 0.0001%", "most-repeats: 8"])
    #expect(wide.count == 3 && wide.values.allSatisfy { $0 == Array(0..<8) }, "\(wide)")
    let narrow = try repeats(["until-ci: 100000%", "most-repeats: 50"])
    #expect(narrow.count == 3 && narrow.values.allSatisfy { $0 == Array(0..<6) }, "\(narrow)")
  }
}
