import FoundationEssentials
import Records
import TestSupport
import Testing

/// The committed reference study, and `padtax compare` as a user meets it.
@Suite(.serialized) struct ReferenceStudyTests {
  private static let reference = SharedData.packageFolder + "/results/reference"

  private func padtax(_ arguments: [String]) throws -> ProcessOutput {
    try runProcess(
      [RankLauncher.executable("padtax")] + arguments,
      environment: [
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_mpi_yield_when_idle": "1",
        "PADTAX_RANK": try RankLauncher.executable("padtax-rank"),
      ], timeLimit: 120)
  }

  /// A run directory with the reference's records, changed.
  private func copy(
    _ folder: TestFolder, _ name: String, _ change: (String) -> String
  ) throws -> String {
    let data = try #require(
      FileManager.default.contents(atPath: Self.reference + "/records.jsonl"))
    try folder.write(change(String(decoding: data, as: UTF8.self)), name + "/records.jsonl")
    return folder.path + "/" + name
  }

  @Test(
    "a run of the reference job has the committed counts, bytes, slots and tokens",
    .enabled(
      if: RankLauncher.unavailableReason == nil,
      "mpirun cannot be started: \(RankLauncher.unavailableReason ?? "")"))
  func reference() throws {
    let folder = try TestFolder()
    let job = SharedData.packageFolder + "/jobs/reference.yaml"
    let run = try padtax(["run", job, "--out", folder.path + "/run", "--no-report"])
    try #require(run.exitCode == 0, "\(run.summary)")
    let result = try padtax(["compare", Self.reference, folder.path + "/run", "--exact-only"])
    #expect(result.exitCode == 0, "\(result.standardOutput)")
    #expect(result.standardOutput.contains("PASS: 1134 counts"), "\(result.standardOutput)")
  }

  @Test("a changed count ends with code 3, in tables, Markdown, JUnit XML and JSON")
  func gate() throws {
    let folder = try TestFolder()
    let other = try copy(folder, "other") { text in
      // Of the first record that has it.
      guard let place = text.firstRange(of: "\"prefill_slots\":") else { return text }
      var changed = text
      changed.replaceSubrange(place, with: "\"prefill_slots\":1")
      return changed
    }
    let junit = folder.path + "/gate.xml"
    let markdown = folder.path + "/gate.md"
    let result = try padtax([
      "compare", Self.reference, other, "--exact-only", "--junit", junit, "--markdown", markdown,
    ])
    #expect(result.exitCode == 3)
    #expect(result.standardOutput.contains("batch 0: prefill_slots was "))
    #expect(
      result.standardOutput.contains("FAIL: 1134 counts, bytes, slots and tokens compared, 1"))
    #expect(folder.text("gate.xml").contains("tests=\"1\" failures=\"1\""))
    #expect(folder.text("gate.md").contains("- differs: "))
    let json = try padtax(["compare", Self.reference, other, "--exact-only", "--json"])
    #expect(json.exitCode == 3 && json.standardOutput.contains("\"padtax/comparison\""))
  }

  @Test("times without provenance are refused with code 2, and compared when told")
  func refuses() throws {
    let folder = try TestFolder()
    let same = try copy(folder, "same") { $0 }
    let refused = try padtax(["compare", Self.reference, same])
    #expect(refused.exitCode == 2 && refused.standardError.contains("no provenance"))
    let told = try padtax(["compare", Self.reference, same, "--allow-different"])
    #expect(told.exitCode == 0, "\(told.summary)")
    #expect(told.standardOutput.contains("too few"))
    #expect(try padtax(["compare", Self.reference, same, "--metric", "total_s=5"]).exitCode == 2)
    #expect(try padtax(["compare", Self.reference, folder.path + "/none"]).exitCode == 2)
  }
}
