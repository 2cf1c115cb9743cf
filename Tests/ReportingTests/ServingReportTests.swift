import Records
import Reporting
import Testing

@Suite struct ServingReportTests {
  private func record(
    _ system: String, load: String = "poisson:4", turn: Int = 0, origin: Origin = .modelled,
    _ metrics: [String: Double]
  ) -> ServingRecord {
    var record = ServingRecord(
      run: ServingRun(
        cell: "c", layout: "tp1", system: system, load: load, repeatIndex: turn, origin: origin,
        oversubscribed: false),
      ranks: 1, levels: ServiceLevels())
    let isFlying = system.hasPrefix("in-flight")
    record.windowRequests = 10
    (record.maxBatchSize, record.blockSize, record.blockCount) = (16, 16, 64)
    record.reservations = isFlying ? nil : 4
    record.peakRunning = isFlying ? 12 : 4
    (record.prefillTokens, record.prefillSlots) = (100, isFlying ? 100 : 400)
    (record.decodeTokens, record.decodeSlots) = (60, isFlying ? 60 : 80)
    (record.pairs, record.usefulPairs) = (isFlying ? 1000 : 3500, 1000)
    record.memoryWaste = isFlying ? 0.05 : 0.75
    (record.promptTokens, record.reusedTokens) = (100, system.hasSuffix("cache") ? 40 : 0)
    record.metrics = metrics
    return record
  }

  private var two: [ServingRecord] {
    [
      record(
        "static",
        [
          "p50_ttft_ms": 900, "output_tps_per_user": 20, "output_throughput_per_rank": 30,
          "p50_shared_ttft_ms": 950,
        ]),
      record(
        "in-flight+prefix-cache",
        [
          "p50_ttft_ms": 100, "output_tps_per_user": 40, "output_throughput_per_rank": 35,
          "p50_shared_ttft_ms": 60,
        ]),
    ]
  }

  private func contents(
    _ records: [ServingRecord], verified: [(String, Bool)] = []
  ) -> RunContents {
    var cell = CellContents(
      name: "c", state: .done,
      verifications: verified.map { system, passed in
        VerificationRecord(
          cell: "c", layout: "tp1", policy: system, sequences: 1, tokensPerSequence: 1, layers: 1,
          maxLogitError: 0, tolerance: 1, tokensCompared: 1, ties: 0, passed: passed,
          failure: nil)
      })
    cell.serving = records
    return RunContents(identifier: "r", run: nil, job: nil, cells: [cell])
  }

  /// The line of a table that begins with these words, as its columns.
  private func line(_ start: String, _ text: String) -> [String] {
    let line = text.split(separator: "\n").first { $0.hasPrefix(start) } ?? ""
    return line.dropFirst(start.count).split(separator: "  ").map { String($0.drop { $0 == " " }) }
      .filter { !$0.isEmpty }
  }

  @Test func systemsStandSideBySide() {
    let text = ServingTables(two).text(width: 200)
    #expect(line("aggregation", text) == ["request", "iteration"])
    #expect(line("memory waste W, %", text) == ["75.0", "5.0"])
    #expect(line("prefill slots padded, %", text) == ["75.0", "0.0"])
    #expect(line("decode slots padded, %", text) == ["25.0", "0.0"])
    #expect(line("attention cost, pairs / useful", text) == ["3.50", "1.00"])
    #expect(line("batch bound", text) == ["4 reservations", "batch size 16"])
    #expect(line("KV topology", text) == ["contiguous", "pages of 16, shared"])
    #expect(line("shared-prompt TTFT p50, ms", text) == ["950", "60.0"])
    #expect(line("prompt tokens reused, %", text) == ["0.0", "40.0"])
  }

  @Test func figuresAreMediansOverRepeatsAndTheFrontIsMarked() {
    let records = two + [record("static", turn: 1, ["p50_ttft_ms": 700])]
    let text = ServingTables(records).text(width: 400)
    #expect(text.contains("800"))
    let lines = text.split(separator: "\n").filter { $0.hasSuffix("front") }
    #expect(lines.count == 1 && lines[0].contains("in-flight+prefix-cache"))
  }

  @Test func whatWasNotVerifiedHasNoTimes() {
    let measured = two.map { record in
      var record = record
      record.run.origin = .measured
      return record
    }
    let none = Summary(contents(measured))
    #expect(none.serving == nil)
    #expect(none.warnings.contains { $0.contains("static has no times") })
    let one = Summary(contents(measured, verified: [("static", true), ("in-flight", true)]))
    #expect(one.serving?.map(\.run.system) == ["static"])
    let failed = Summary(contents(measured, verified: [("static", false)]))
    #expect(failed.serving == nil)
    // Nothing was executed for modelled runs.
    #expect(Summary(contents(two)).serving?.count == 2)
  }

  @Test func thePageHasTheSection() throws {
    let summary = Summary(contents(two))
    let page = try HTMLReport(summary, runs: []).page(bundle: nil)
    for part in [
      "<section id=\"serving\"", "chart-pareto", "chart-serving-ttft", "3.50",
      "pages of 16, shared",
      "def-pareto",
    ] { #expect(page.contains(part), "\(part)") }
    #expect(summary.text(width: 120).contains("SYSTEMS SIDE BY SIDE: tp1, poisson:4 (modelled)"))
    let plain = try HTMLReport(Summary(contents([])), runs: []).page(bundle: nil)
    #expect(!plain.contains("id=\"serving\""))
  }
}
