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
    record.meanRequestBlocks = 6
    (record.iterations, record.controlBytes) = (10, isFlying ? 20_480 : 40_960)
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
    // 64 blocks hold ten requests of 6.
    #expect(line("sequences that memory has room for", text) == ["4", "10"])
    #expect(line("control bytes per iteration", text) == ["4096", "2048"])
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

  @Test func optionsOfASystemStandBesideEachOther() throws {
    func one(_ system: String, _ ttft: Double, _ rate: Double) -> ServingRecord {
      var record = record(
        system,
        [
          "p50_ttft_ms": ttft, "p99_ttft_ms": 3 * ttft, "p50_shared_ttft_ms": 2 * ttft,
          "p90_shared_ttft_ms": 4 * ttft, "request_throughput": rate, "output_throughput": 9 * rate,
        ])
      record.iterations = 16
      return record
    }
    let records = [
      one("dynamic+delay:200000", 300, 5), one("dynamic", 100, 4), one("in-flight", 50, 6),
      one("in-flight+prefix-cache", 20, 7),
    ]
    let trades = ServingTables(records).trades
    #expect(trades.count == 2)
    let delay = try #require(trades.first?.table.text(width: 200))
    // 160 tokens in 16 iterations.
    #expect(
      line("modelled  tp1  poisson:4  dynamic ", delay.squeezed) == [
        "0", "100", "300", "10.0", "4.00", "36.0",
      ])
    #expect(
      line("modelled  tp1  poisson:4  dynamic+delay:200000", delay.squeezed)
        == ["200", "300", "900", "10.0", "5.00", "45.0"])
    #expect(!delay.contains("in-flight"))
    let reuse = try #require(trades.last?.table.text(width: 200))
    #expect(
      line("modelled  tp1  poisson:4  in-flight+prefix-cache", reuse.squeezed)
        == ["40.0", "100", "40.0", "0.40", "200", "80.0", "0.40"])
    #expect(ServingTables(two).trades.isEmpty)
  }

  @Test func aLoadInMultiplesSaysWhatItCameTo() {
    var record = two[0]
    record.run.load = "poisson:0.5x"
    record.offeredRate = 3.25
    record.calibration = ServingCalibration(
      requestRate: 6.5, ttftMilliseconds: 1, tpotMilliseconds: 1, e2elMilliseconds: 1)
    #expect(ServingTables([record]).comparisons[0].title.hasPrefix("tp1, poisson:0.5x = 3.25/s"))
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

extension String {
  /// Runs of three and more blanks as two, so that columns can be named whatever their widths.
  fileprivate var squeezed: String {
    var out = ""
    var blanks = 0
    for character in self {
      blanks = character == " " ? blanks + 1 : 0
      if blanks <= 2 { out.append(character) }
    }
    return out
  }
}
