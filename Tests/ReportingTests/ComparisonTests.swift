import FoundationEssentials
import Records
import Reporting
import Statistics
import Testing

/// Runs made of numbers: two layouts, three policies, two batches of three repeats.
struct SyntheticRun {
  var random: SequentialRandom
  /// Standard deviation of the logarithm of a time, and how often one is 30 % longer.
  var noise = 0.025
  var outliers = 0.03
  var repeats = 3

  init(seed: UInt64) { random = SequentialRandom(seed: seed, stream: 77) }

  private mutating func uniform() -> Double { (Double(random.next() >> 12) + 0.5) * 0x1p-52 }

  private mutating func time(_ seconds: Double) -> Double {
    let normal = PortableMath.normalQuantile(uniform())
    return seconds * PortableMath.exp(noise * normal) * (uniform() < outliers ? 1.3 : 1)
  }

  /// A run; `slowdown` multiplies the times of a layout and policy.
  mutating func make(
    _ name: String, slowdown: (String, String) -> Double = { _, _ in 1 }
  ) -> RunContents {
    var cells: [CellContents] = []
    for layout in ["tp1", "tp2"] {
      var batches: [BatchRecord] = []
      for turn in 0..<repeats {
        for batch in 0..<2 {
          for (index, policy) in ["right-pad", "left-pad", "packed"].enumerated() {
            let factor = slowdown(layout, policy) * (batch == 0 ? 1 : 1.4)
            let ttft = time(0.2 + 0.1 * Double(index)) * factor
            var record = Fixture.batch(
              policy, batch: batch, turn: turn, ttft: ttft, total: ttft + time(0.5) * factor)
            record.cell = layout
            record.layout = layout
            batches.append(record)
          }
        }
      }
      var provenance = Fixture.provenance()
      provenance.layout = layout
      cells.append(
        CellContents(
          name: layout, state: .done, provenance: provenance,
          verifications: ["right-pad", "left-pad", "packed"].map { Fixture.verification($0) },
          batches: batches))
    }
    return RunContents(identifier: name, run: nil, job: nil, cells: cells)
  }
}

@Suite struct ComparisonTests {
  static let thresholds: [ComparisonMetric: Double] = Dictionary(
    uniqueKeysWithValues: ComparisonMetric.allCases.map { ($0, ComparisonMetric.usualThreshold) })

  private static func compare(
    _ base: RunContents, _ new: RunContents, _ thresholds: [ComparisonMetric: Double] = thresholds,
    allowsDifferent: Bool = false
  ) throws -> RunComparison {
    try RunComparison(
      base: base, new: new, thresholds: thresholds, allowsDifferent: allowsDifferent, resamples: 40)
  }

  @Test("a slowdown of 10 % is found, no change is not: over 50 trials each")
  func rates() throws {
    var (everywhere, one, alarms, alarmsWithoutThreshold) = (0, 0, 0, 0)
    let none = Self.thresholds.mapValues { _ in 0.0 }
    // PADTAX_TRIALS=600 gives the figures of docs/METRICS.md.
    let trials = ProcessInfo.processInfo.environment["PADTAX_TRIALS"].flatMap { Int($0) } ?? 50
    for trial in 0..<trials {
      var run = SyntheticRun(seed: UInt64(trial))
      let base = run.make("base")
      let same = run.make("same")
      let slow = run.make("slow") { _, _ in 1.1 }
      let partly = run.make("partly") { $0 == "tp2" && $1 == "left-pad" ? 1.1 : 1 }
      everywhere += try Self.compare(base, slow).passed ? 0 : 1
      let found = try Self.compare(base, partly).rows.filter { $0.verdict == .slower }
      one += found.contains { $0.layout == "tp2" && $0.policy == "left-pad" } ? 1 : 0
      alarms += try Self.compare(base, same).passed ? 0 : 1
      alarmsWithoutThreshold += try Self.compare(base, same, none).passed ? 0 : 1
    }
    print(
      "padtax compare, \(trials) trials, n = 6, 18 rows, noise 2.5 %, 3 % outliers of +30 %: 10 % slower "
        + "everywhere found in \(everywhere), in one policy of one layout in \(one); false alarms "
        + "\(alarms), with a threshold of 0 \(alarmsWithoutThreshold)")
    #expect(everywhere * 10 >= trials * 9 && one * 10 >= trials * 9)
    #expect(alarms * 20 <= trials)
    // 5 % of 50 is 2.5; more than 7 would be 1 in 300.
    #expect(alarmsWithoutThreshold * 50 <= trials * 7)
  }

  @Test("effects carry the direction, the pairs and an interval")
  func effects() throws {
    var run = SyntheticRun(seed: 5)
    run.noise = 0.001
    run.outliers = 0
    let (base, slow) = (run.make("base"), run.make("slow") { _, _ in 1.2 })
    let comparison = try Self.compare(base, slow)
    #expect(comparison.rows.count == 18)
    for row in comparison.rows {
      #expect(abs(row.change - 0.2) < 0.01, "slower, of times and of rates")
      #expect(row.pairs == 6 && row.pSlower == 1.0 / 64 && row.verdict == .slower)
      #expect((row.lower ?? 1) <= row.change && (row.upper ?? 0) >= row.change)
    }
    let back = try Self.compare(slow, base)
    #expect(back.passed && back.rows.allSatisfy { $0.verdict == .faster })
    run.repeats = 2
    let few = try Self.compare(run.make("base"), run.make("slow") { _, _ in 2 })
    #expect(few.passed && few.rows.allSatisfy { $0.verdict == .tooFew && $0.pairs == 4 })
    #expect(few.notes.contains { $0.contains("needs 5 or more") })
  }

  @Test("counts, slots, bytes and tokens must be equal; what is added is no difference")
  func exact() throws {
    var run = SyntheticRun(seed: 1)
    let base = run.make("base")
    func differences(_ change: (inout CellContents) -> Void) throws -> [String] {
      var new = base
      change(&new.cells[1])
      return try Self.compare(base, new, [:]).differences
    }
    #expect(try differences { _ in }.isEmpty)
    #expect(try Self.compare(base, base, [:]).exactValues == 12 * 17 + 8 * 2 * 3)
    #expect(
      try differences { $0.batches[0].prefillSlots += 1 } == [
        "tp2 right-pad, batch 0: prefill_slots was 20, is 21"
      ])
    #expect(try differences { $0.batches[0].tokenDigest = "b" }.count == 1)
    #expect(try differences { $0.batches[0].padding["length"]?.wireBytes = 7 }.count == 1)
    #expect(try differences { $0.batches[0].padding["length"]?.kvBytes = 7 }.count == 1)
    #expect(try differences { $0.batches[0].kvSlotsReserved = 7 }.count == 1)
    #expect(try differences { $0.batches[0].padding["length"] = nil }.count == 1)
    #expect(try differences { $0.batches[0].padding["slots"] = PaddingRecord(slots: 0) }.isEmpty)
    #expect(try differences { $0.batches[0].totalSeconds = 9 }.isEmpty)
    #expect(try differences { $0.batches.removeAll { $0.policy == "packed" } }.count == 2)
    #expect(
      try differences { $0.verifications[0] = Fixture.verification("right-pad", passed: false) }
        .count == 1)
    var lone = base
    lone.cells.removeLast()
    #expect(try Self.compare(base, lone, [:]).differences == ["tp2: not in base"])
    #expect(try Self.compare(lone, base, [:]).notes == ["only in base: tp2"])
  }

  @Test("traffic of the model must be equal, control traffic may change")
  func traffic() throws {
    func run(_ traffic: [TrafficTotal]) -> RunContents {
      let rank = Fixture.rank(
        "packed", "prefill", rank: 0, wall: 1, compute: 1, communication: 0, traffic: traffic)
      return RunContents(
        identifier: "r", run: nil, job: nil,
        cells: [Fixture.cell([Fixture.batch("packed", ttft: 1, total: 2)], ranks: [rank])])
    }
    let reduce = Fixture.traffic("all-reduce", "tensor", bytes: 400, padded: 100)
    let base = run([reduce, Fixture.traffic("broadcast", "control", bytes: 8)])
    func differences(_ new: [TrafficTotal]) throws -> [String] {
      try Self.compare(base, run(new), [:]).differences
    }
    #expect(try differences([reduce]).isEmpty)
    #expect(
      try differences([Fixture.traffic("all-reduce", "tensor", bytes: 404, padded: 100)]) == [
        "tp2 packed, batch 0, rank 0, prefill, tensor all-reduce float: bytes was 400, is 404"
      ])
    #expect(try differences([Fixture.traffic("all-reduce", "tensor", bytes: 400)]).count == 1)
    #expect(try differences([reduce, Fixture.traffic("send", "pipeline", bytes: 4)]).count == 1)
    #expect(try differences([]).count == 1)
  }

  @Test("runs under other conditions are refused unless told, other builds are only named")
  func refuses() throws {
    var run = SyntheticRun(seed: 2)
    let base = run.make("base")
    func changed(_ change: (inout Provenance?) -> Void) -> RunContents {
      var new = base
      for index in new.cells.indices { change(&new.cells[index].provenance) }
      return new
    }
    let others: [(String, RunContents)] = [
      ("clock: wall against virtual", changed { $0?.clock = "virtual" }),
      ("CPU: Test CPU against Other", changed { $0?.ranks[0].cpuModel = "Other" }),
      ("MPI library", changed { $0?.mpiLibrary = "MPICH 4" }),
      (
        "network: nothing set against OMPI_MCA_btl=tcp",
        changed { $0?.environment["OMPI_MCA_btl"] = "tcp" }
      ),
      ("more ranks than cores", changed { $0?.oversubscribed = true }),
      ("no provenance", changed { $0 = nil }),
    ]
    for (reason, new) in others {
      let refused = try Self.compare(base, new)
      #expect(refused.isRefused && refused.rows.isEmpty, "\(reason)")
      #expect(refused.refusals.contains { $0.contains(reason) }, "\(reason): \(refused.refusals)")
      #expect(try !Self.compare(base, new, allowsDifferent: true).rows.isEmpty)
      #expect(try !Self.compare(base, new, [:]).isRefused, "counts need no conditions")
    }
    func virtual(_ network: String) -> RunContents {
      changed {
        $0?.oversubscribed = true
        $0?.clock = "virtual"
        $0?.virtualTime = VirtualTimeFacts(
          network: network, networkSource: "", nodes: 1, computeScale: 1, computeTokens: nil)
      }
    }
    #expect(try !Self.compare(virtual("nvlink"), virtual("nvlink")).isRefused)
    #expect(try Self.compare(virtual("nvlink"), virtual("tcp")).isRefused)
    let rebuilt = try Self.compare(base, changed { $0?.commit = "abc" })
    #expect(!rebuilt.isRefused && rebuilt.notes.contains { $0.hasPrefix("build: ") })
    var renamed = base
    renamed.cells[0].name = "tp1-other"
    #expect(try Self.compare(base, renamed).isRefused)
    #expect(try Self.compare(base, renamed, [:]).differences.isEmpty)
  }

  @Test("the outputs name the failure, and hold what XML and Markdown cannot")
  func outputs() throws {
    var run = SyntheticRun(seed: 5)
    let base = run.make("a<b|c")
    let comparison = try Self.compare(base, run.make("new") { _, _ in 1.3 })
    let xml = comparison.junit.xml
    #expect(xml.contains("tests=\"19\" failures=\"18\" skipped=\"0\""))
    #expect(xml.contains("padtax compare a&lt;b|c new"))
    #expect(comparison.markdown.contains("a<b\\|c"))
    #expect(comparison.text().contains("FAIL: "))
    #expect(JUnitReport(name: "\u{1}\"&", cases: []).xml.contains("name=\"\u{fffd}&quot;&amp;\""))
    #expect(
      try JSONText.decode(RunComparison.self, from: JSONText.line(comparison), source: "").rows
        .count == 18)
  }
}
