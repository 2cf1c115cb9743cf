import FoundationEssentials
import Records
import TestSupport
import Testing

/// A job in bfloat16 on ranks: what its records say of bytes and formats.
@Suite(
  .serialized,
  .enabled(
    if: RankLauncher.unavailableReason == nil,
    "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
struct HalfPrecisionTests {
  @Test(
    "Hidden states, keys, values and weights take two bytes, logits four; provenance says it",
    arguments: ["tp2", "pp2"])
  func bytes(layout: String) throws {
    func measured(_ more: [String]) throws -> (JobFolder, [RankRecord], Provenance) {
      let folder = try JobFolder(batches: [([5, 1, 9, 3], [4, 1, 2, 6])], more: more)
      let result = try Ranks.run(2, job: folder.job, layout: layout, out: folder.out)
      try #require(result.exitCode == 0, "\(result.summary)")
      let path = folder.cell(layout).provenance
      let facts = try JSONText.decode(
        Provenance.self, from: try String(contentsOfFile: path, encoding: .utf8), source: path)
      return (folder, try folder.rankRecords(layout, ranks: 2), facts)
    }
    func sent(_ records: [RankRecord], _ operation: String) -> [String: Int] {
      records.flatMap(\.traffic).filter { $0.operation == operation }
        .reduce(into: [:]) { $0[$1.elementType, default: 0] += $1.bytes }
    }
    let (single, whole, _) = try measured([])
    let (half, rounded, facts) = try measured(["precision: bf16"])
    defer { withExtendedLifetime((single, half)) {} }
    let operation = layout == "tp2" ? "all-reduce" : "send"
    let states = sent(whole, operation)
    #expect(states["float", default: 0] > 0)
    #expect(sent(rounded, operation)["bfloat16"] == states["float", default: 0] / 2)
    #expect(sent(rounded, operation)["float"] == nil)
    if layout == "tp2" {
      #expect(sent(rounded, "gather")["float"] == sent(whole, "gather")["float"])
    }
    #expect(rounded.map(\.kvBytesReserved) == whole.map { $0.kvBytesReserved / 2 })
    #expect(zip(rounded, whole).allSatisfy { $0.weightBytes < $1.weightBytes * 3 / 5 })
    #expect(facts.numbers == NumberFormats(weights: .bf16))
    #expect(
      facts.ranks.allSatisfy { $0.notes?.contains { $0.hasPrefix("bf16 linear:") } == true })
  }
}
