import FoundationEssentials
import Records
import Testing

/// `padtax export` on run directories that were made by hand.
@Suite(.serialized) struct ExportCommandTests {
  private func run(system: String, verified: Bool) throws -> TestFolder {
    let folder = try TestFolder()
    let cell = RunDirectory(path: folder.path + "/out").cell("tp1")
    try AtomicFile.createFolder(cell.path)
    let run = ServingRun(
      cell: "tp1", layout: "tp1", system: system, load: "poisson:4", repeatIndex: 0,
      origin: .measured, oversubscribed: false)
    var record = ServingRecord(run: run, ranks: 1, levels: ServiceLevels())
    (record.requests, record.completed, record.windowRequests) = (1, 1, 1)
    record.metrics = ["duration": 1, "mean_ttft_ms": 500]
    try JSONLinesWriter(path: cell.serving).append(record)
    try JSONLinesWriter(path: cell.requests).append(
      RequestRecord(
        run: run, request: 0, kind: "chat", promptTokens: 3, outputTokens: 2, arrivalSeconds: 0,
        admittedSeconds: 0, tokenSeconds: [0.5, 1], releasedSeconds: 1))
    try JSONLinesWriter(path: cell.verification).append(
      VerificationRecord(
        cell: "tp1", layout: "tp1", policy: system, sequences: 1, tokensPerSequence: 1, layers: 1,
        maxLogitError: 0, tolerance: 1, tokensCompared: 1, ties: 0, passed: verified, failure: nil))
    return folder
  }

  @Test("each verified run becomes a file per format")
  func exports() throws {
    let folder = try run(system: "in-flight", verified: true)
    let result = try Padtax.start(["export", "out"], in: folder)
    #expect(result.code == 0 && result.output == ["2 files in out/export"], "\(result)")
    let aiperf = folder.text(
      "out/export/tp1/in-flight-poisson_4-repeat0/profile_export_aiperf.json")
    #expect(aiperf.contains("\"time_to_first_token\""))
    let one = try Padtax.start(
      ["export", "out", "--format", "vllm", "--out", "elsewhere"], in: folder)
    #expect(one.code == 0 && one.output == ["1 files in elsewhere"], "\(one)")
    let names = try FileManager.default.contentsOfDirectory(
      atPath: folder.path + "/elsewhere/tp1/in-flight-poisson_4-repeat0")
    #expect(names.count == 1 && names[0].hasPrefix("padtax-in-flight-poisson_4-"))
    let text = folder.text("elsewhere/tp1/in-flight-poisson_4-repeat0/" + names[0])
    #expect(text.contains("\"mean_ttft_ms\"") && text.contains("\"request_rate\""))
  }

  @Test("what was not verified, and what nobody knows, is refused")
  func refusals() throws {
    let folder = try run(system: "static", verified: false)
    let result = try Padtax.start(["export", "out"], in: folder)
    #expect(result.code == 2 && result.errors.joined().contains("has no verified run"), "\(result)")
    let format = try Padtax.start(["export", "out", "--format", "genai"], in: folder)
    #expect(format.code == 2, "\(format)")
    #expect(format.errors.joined().contains("unknown format 'genai'; valid choices: vllm, aiperf"))
  }
}
