import Records
import Reporting
import Statistics
import Testing

@Suite struct FindingsTests {
  /// Cells of the layouts with three policies, two batches, three repeats; `ttft` and `decode`
  /// seconds by layout and policy, with 0.5 % noise.
  private func run(
    _ layouts: [String], crowded: Bool = false, ttft: (String, String) -> Double,
    decode: (String, String) -> Double = { _, _ in 2 }
  ) -> RunContents {
    var random = SequentialRandom(seed: 9)
    func noise() -> Double { 1 + 0.005 * (Double(random.next() >> 11) * 0x1p-53 - 0.5) }
    let cells = layouts.map { layout in
      var batches: [BatchRecord] = []
      for place in 0..<6 {
        for policy in ["right-pad", "left-pad", "packed"] {
          let first = ttft(layout, policy) * noise()
          var record = Fixture.batch(
            policy, batch: place % 2, turn: place / 2, ttft: first,
            total: first + decode(layout, policy) * noise())
          record.layout = layout
          batches.append(record)
        }
      }
      var provenance = Fixture.provenance(crowded: crowded)
      provenance.layout = layout
      return CellContents(
        name: layout, state: .done, provenance: provenance,
        verifications: ["right-pad", "left-pad", "packed"].map { Fixture.verification($0) },
        batches: batches)
    }
    return RunContents(identifier: "r", run: nil, job: nil, cells: cells)
  }

  private func find(_ id: String, _ contents: RunContents) throws -> Finding {
    try #require(Findings(contents).findings.first { $0.id == id })
  }

  @Test("left against right padding: supported, refuted, or not to be told apart")
  func leftAgainstRight() throws {
    func verdict(_ left: [String: Double]) throws -> Finding.Verdict {
      try find(
        "left-beats-right",
        run(["tp1", "tp2"], ttft: { _, _ in 1 }) { $1 == "left-pad" ? left[$0] ?? 2 : 2 }
      ).verdict
    }
    #expect(try verdict(["tp1": 1.5, "tp2": 1.6]) == .supported)
    #expect(try verdict(["tp1": 2.5, "tp2": 2.6]) == .refuted)
    #expect(try verdict([:]) == .refuted, "no difference makes no claim true")
    #expect(try verdict(["tp1": 1.5, "tp2": 2.6]) == .flips)
  }

  @Test("an effect has its size and an interval around it")
  func effect() throws {
    let finding = try find(
      "others-recover", run(["tp1"], ttft: { $1 == "packed" ? 1 : 1.4 }))
    let item = try #require(finding.cases.first)
    #expect(item.condition == "tp1 packed" && item.pairs == 6)
    #expect(abs(item.value - 1.4) < 0.01)
    #expect((item.lower ?? 9) < 1.4 && (item.upper ?? 0) > 1.39 && (item.upper ?? 9) < 1.42)
    #expect(finding.text.contains("SUPPORTED: sorting, bucketing and packing recover"))
  }

  @Test("tensor against pipeline parallelism: who pays for padding, who is first, who is most")
  func parallelism() throws {
    // Padding costs tp2 50 % and pp2 20 %; pp2 takes twice the time.
    let contents = run(["tp2", "pp2"]) { layout, policy in
      (layout == "tp2" ? 1 : 2) * (policy == "packed" ? 1 : layout == "tp2" ? 1.5 : 1.2)
    }
    #expect(try find("pipelines-take-varied-lengths", contents).verdict == .supported)
    #expect(try find("tensor-wins-latency", contents).verdict == .supported)
    #expect(try find("pipeline-wins-throughput", contents).verdict == .refuted)
    let wide = run(["tp2", "pp4"]) { _, _ in 1 }
    #expect(try find("tensor-wins-latency", wide).verdict == .notTestable, "as many ranks")
  }

  @Test("three degrees tell a straight line from a bent one")
  func growth() throws {
    func verdict(_ overheads: [String: Double]) throws -> Finding.Verdict {
      let layouts = overheads.keys.sorted()
      return try find(
        "overhead-grows",
        run(layouts) { $1 == "packed" ? 1 : overheads[$0] ?? 1 }
      ).verdict
    }
    #expect(try verdict(["tp1": 1.1, "tp2": 1.2, "tp4": 1.8]) == .supported)
    #expect(try verdict(["tp1": 1.1, "tp2": 1.2, "tp4": 1.4]) != .supported)
    #expect(try verdict(["tp1": 1.1, "tp2": 1.2, "tp4": 1.2]) == .refuted)
    #expect(try verdict(["tp1": 1.1, "tp2": 1.2]) == .notTestable)
  }

  @Test("bytes of the tensor group are compared with slots")
  func bytes() throws {
    var contents = run(["tp2"]) { _, _ in 1 }
    func record(_ policy: String, _ bytes: Int) -> RankRecord {
      Fixture.rank(
        policy, "prefill", rank: 0, wall: 1, compute: 1, communication: 0,
        traffic: [Fixture.traffic("all-reduce", "tensor", bytes: bytes)])
    }
    contents.cells[0].ranks = [record("right-pad", 400), record("packed", 200)]
    let finding = try find("pads-amplify-communication", contents)
    // Slots: 20 and 2 of right-pad, 10 and 2 of packed.
    #expect(finding.cases.first?.effect.contains("2.000, slots 1.833") == true)
    #expect(finding.verdict == .supported)
    contents.cells[0].ranks = [record("right-pad", 200), record("packed", 200)]
    #expect(try find("pads-amplify-communication", contents).verdict == .refuted)
  }

  @Test("crowded layouts and too few pairs test nothing; formulas need no run")
  func limits() throws {
    let crowded = Findings(run(["tp2", "pp2"], crowded: true) { _, _ in 1 })
    for finding in crowded.findings where finding.origin == "measured" {
      #expect(finding.verdict == .notTestable && finding.text.contains("needs "), "\(finding.id)")
    }
    var few = run(["tp1"]) { _, _ in 1 }
    few.cells[0].batches.removeAll { $0.repeatIndex > 1 }
    #expect(try find("left-beats-right", few).verdict == .notTestable)
    let memory = try #require(crowded.findings.first { $0.origin == "modelled" })
    // Qwen2.5-32B: 64 layers, 8 KV heads of 128, two bytes: 262,144 bytes a token.
    #expect(memory.test.contains("262144 bytes per slot") && memory.test.contains("76,294 slots"))
    #expect(memory.cases.map(\.effect) == ["0.43 GB", "3.44 GB", "13.74 GB"])
    #expect(memory.verdict == .flips)
  }

  @Test("a hybrid lies between tensor and pipeline parallelism, outside, or cannot be told")
  func hybrids() throws {
    func verdict(_ hybrid: Double, _ pipeline: Double = 2) throws -> Finding.Verdict {
      try find(
        "hybrid-between-latency",
        run(["tp4", "tp2pp2", "pp4"]) { layout, _ in
          layout == "tp4" ? 1 : layout == "pp4" ? pipeline : hybrid
        }
      ).verdict
    }
    #expect(try verdict(1.5) == .supported)
    #expect(try verdict(0.7, 0.5) == .supported, "whichever of the two is faster")
    #expect(try verdict(2.5) == .refuted)
    #expect(try verdict(0.8) == .refuted)
    #expect(try verdict(1) == .undecided, "no difference to one of the two")
    #expect(
      try find("hybrid-between-latency", run(["tp4", "pp4"]) { _, _ in 1 }).verdict == .notTestable)
    let throughput = try find(
      "hybrid-between-throughput",
      run(["tp4", "tp2pp2", "pp4"]) { layout, _ in layout == "tp4" ? 6 : layout == "pp4" ? 2 : 4 })
    #expect(throughput.verdict == .supported && throughput.cases[0].condition == "tp2pp2")
  }

  @Test("hybrids are held against the one whose degrees are nearest to each other")
  func unbalanced() throws {
    func finding(_ times: [String: Double]) throws -> Finding {
      try find("unbalanced-hybrids", run(times.keys.sorted()) { layout, _ in times[layout] ?? 1 })
    }
    let bad = try finding(["tp4pp4": 2, "tp2pp8": 6, "tp8pp2": 5])
    #expect(bad.verdict == .supported && bad.cases.count == 2)
    #expect(bad.cases.allSatisfy { $0.condition.hasSuffix(" against tp4pp4") })
    #expect(try finding(["tp4pp4": 6, "tp2pp8": 2]).verdict == .refuted)
    #expect(try finding(["tp4pp2": 6, "tp2pp4": 2]).verdict == .notTestable, "as balanced")
  }

  @Test("continuous batching: latency by request, and the share of empty slots that is gone")
  func continuous() throws {
    func contents(_ requests: Int, slower: Double) -> RunContents {
      var cell = CellContents(name: "tp1", state: .done)
      for (system, factor, slots) in [("static", slower, 400), ("in-flight", 1, 160)] {
        let run = ServingRun(
          cell: "tp1", layout: "tp1", system: system, load: "poisson:2", repeatIndex: 0,
          origin: .modelled, oversubscribed: false)
        var record = ServingRecord(run: run, ranks: 1, levels: ServiceLevels())
        (record.prefillTokens, record.prefillSlots) = (100, slots)
        cell.serving.append(record)
        for request in 0..<requests {
          let arrival = Double(request)
          cell.requests.append(
            RequestRecord(
              run: run, request: request, kind: "k", promptTokens: 1, outputTokens: 1,
              arrivalSeconds: arrival, admittedSeconds: arrival,
              tokenSeconds: [arrival + factor * (1 + 0.01 * Double(request % 3))],
              releasedSeconds: arrival + 9))
        }
      }
      return RunContents(identifier: "r", run: nil, job: nil, cells: [cell])
    }
    let finding = try find("continuous-recovers", contents(8, slower: 2))
    let item = try #require(finding.cases.first)
    #expect(finding.verdict == .supported && item.pairs == 8 && abs(item.value - 2) < 1e-9)
    #expect(item.effect.hasSuffix("80 % of the empty slots per token recovered"), "\(item.effect)")
    #expect(item.condition == "tp1, poisson:2 (modelled)")
    #expect(try find("continuous-recovers", contents(8, slower: 0.5)).verdict == .refuted)
    #expect(try find("continuous-recovers", contents(4, slower: 2)).verdict == .notTestable)
  }

  @Test("the report has the findings that were tested, and names those that were not")
  func section() throws {
    let contents = run(["tp1"]) { $1 == "packed" ? 1 : 1.4 }
    let page = try HTMLReport(Summary(contents), runs: [contents]).page(bundle: nil)
    #expect(page.contains("<section id=\"findings\""))
    #expect(page.contains("Sorting, bucketing and packing recover what right padding costs: "))
    #expect(page.contains("Unbalanced hybrids are bad") == false)
    #expect(page.contains("<li>unbalanced hybrids are bad: needs two hybrid layouts"))
    let nothing = RunContents(identifier: "r", run: nil, job: nil, cells: [])
    #expect(
      try !HTMLReport(Summary(nothing), runs: [nothing]).page(bundle: nil).contains("id=\"findings")
    )
  }
}
