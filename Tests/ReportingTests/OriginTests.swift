import Records
import Reporting
import Testing

/// Times of different clocks side by side, never in one number.
@Suite struct OriginTests {
  private func batch(_ policy: String, _ origin: Origin, turn: Int, ttft: Double) -> BatchRecord {
    var record = Fixture.batch(policy, turn: turn, ttft: ttft, total: 2 * ttft, crowded: true)
    record.origin = origin
    return record
  }

  private func rank(_ origin: Origin?, communication: Double) -> RankRecord {
    var record = Fixture.rank(
      "packed", "prefill", rank: 0, wall: 1, compute: 0.1, communication: communication)
    record.origin = origin
    return record
  }

  @Test("a cell with measured and virtual times has rows of each, and pairs within each")
  func bothOrigins() throws {
    let batches = [Origin.measured, .virtual].flatMap { origin in
      (0..<3).flatMap { turn in
        [
          batch("packed", origin, turn: turn, ttft: origin == .virtual ? 1 : 10),
          batch("right-pad", origin, turn: turn, ttft: origin == .virtual ? 2 : 15),
        ]
      }
    }
    let cell = Fixture.cell(
      batches,
      ranks: [
        rank(nil, communication: 0.2), rank(.measured, communication: 0.4),
        rank(.virtual, communication: 0.8),
      ])
    let summary = Fixture.summary(cell)
    #expect(summary.origin == "measured+virtual")
    #expect(summary.rows.map(\.origin) == [.measured, .measured, .virtual, .virtual])
    #expect(summary.rows.map(\.policy) == ["packed", "right-pad", "packed", "right-pad"])
    #expect(summary.rows.map(\.executions) == [3, 3, 3, 3])
    #expect(summary.rows.map { $0.number(.batchTTFT) } == [10, 15, 1, 2])
    #expect(summary.rows[1].number(.taxTTFT).isNear(0.5))
    #expect(summary.rows[3].number(.taxTTFT).isNear(1))
    #expect(summary.rows[0].number(.communicationShare).isNear(0.3))
    #expect(summary.rows[2].number(.communicationShare).isNear(0.8))
    // Sharing cores spoils measured times alone.
    #expect(summary.rows.map(\.isDistrusted) == [true, true, false, false])
    #expect(summary.rows.map(\.oversubscribed) == [true, true, true, true])
    let lines = summary.text(width: 200).split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("measured  tp2*    packed") }, "\(lines)")
    #expect(lines.contains { $0.hasPrefix("virtual   tp2     packed") }, "\(lines)")
    let csv = summary.csv.split(separator: "\n")
    let times = csv.filter { $0.contains(",batch_ttft_s,") }
    #expect(times.map { $0.hasPrefix("r1,unknown,measured,") } == [true, true, false, false])
    #expect(times.map { $0.hasPrefix("r1,unknown,virtual,") } == [false, false, true, true])
  }

  @Test("a virtual run says what was pretended and is not distrusted for sharing cores")
  func virtualRun() throws {
    var provenance = Fixture.provenance(crowded: true)
    provenance.clock = "virtual"
    provenance.virtualTime = VirtualTimeFacts(
      network: "a+b", networkSource: "a (x, 2020) + b (y, 2021)", nodes: 2, computeScale: 100,
      computeTokens: 2)
    let cell = Fixture.cell(
      [batch("packed", .virtual, turn: 0, ttft: 1)], provenance: provenance)
    let summary = Fixture.summary(cell)
    #expect(
      summary.text(width: 300).contains(
        "virtual  2 nodes, network a (x, 2020) + b (y, 2021), processors 100.0 times as fast as this "
          + "machine's, ranks took turns: 2 computed at once\n"))
    #expect(!summary.warnings.contains { $0.contains("trusted") }, "\(summary.warnings)")
    #expect(!summary.text().contains("tp2*"))
    // The peak that MFU is held against is the pretended processors': 2 ranks of 4 GFLOP/s.
    #expect(provenance.peakFLOPS == 800e9)
    let measured = Fixture.summary(Fixture.cell([Fixture.batch("packed", ttft: 1, total: 2)]))
    #expect(!measured.text().contains("virtual") && measured.pretended == nil)
  }
}
