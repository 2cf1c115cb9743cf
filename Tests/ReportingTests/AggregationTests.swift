import Records
import Reporting
import Testing

@Suite struct AggregationTests {
  /// Two repeats of one batch, padded and packed, with one warm-up each that must not count.
  private var records: [BatchRecord] {
    [
      Fixture.batch("right-pad", warmup: true, ttft: 90, total: 99),
      Fixture.batch("packed", warmup: true, ttft: 50, total: 99),
      Fixture.batch("right-pad", turn: 0, ttft: 3, total: 8),
      Fixture.batch("packed", turn: 0, ttft: 2, total: 4),
      Fixture.batch("right-pad", turn: 1, ttft: 5, total: 9),
      Fixture.batch("packed", turn: 1, ttft: 4, total: 6),
    ]
  }

  @Test("times are medians of what counts")
  func times() throws {
    let row = try #require(Fixture.summary(Fixture.cell(records)).row("tp2", "right-pad"))
    #expect(row.executions == 2 && row.batches == 1 && row.verified && row.ranks == 2)
    #expect(row[.batchTTFT] == 4)
    #expect(row.number(.batchTTFTLower) >= 3 && row.number(.batchTTFTUpper) <= 5)
    #expect(row[.total] == 8.5)
    // 10 tokens and 20 slots in 3 and 5 s: 10/3 and 2; 20/3 and 4.
    #expect(row.number(.prefillEffective).isNear((10.0 / 3 + 2) / 2))
    #expect(row.number(.prefillRaw).isNear((20.0 / 3 + 4) / 2))
    // 2 tokens after the first ones in 5 and 4 s.
    #expect(row.number(.decode).isNear((2.0 / 5 + 2.0 / 4) / 2))
    // 300 and 500 ms per token.
    #expect(row.number(.tprit).isNear(400))
    // 4 GFLOP in 3 and 5 s against 8 GFLOP/s.
    #expect(row.number(.mfu).isNear((4.0 / 24 + 4.0 / 40) / 2))
    #expect(row.number(.mfuRaw).isNear((8.0 / 24 + 8.0 / 40) / 2))
  }

  @Test("slots are those counted by hand")
  func slots() throws {
    let row = try #require(Fixture.summary(Fixture.cell(records)).row("tp2", "right-pad"))
    #expect(row[.padRatio] == 0.5)
    #expect(row[.kvWaste] == 0.5)
    #expect(row.padding["length"]?.slots == 10 && row.padding["finished"]?.slots == 1)
  }

  @Test("tax and efficiency are taken pair by pair")
  func tax() throws {
    let summary = Fixture.summary(Fixture.cell(records))
    let row = try #require(summary.row("tp2", "right-pad"))
    // Pairs 3/2 and 5/4 in TTFT, 8/4 and 9/6 in total. The ratio of medians would be 4/3.
    #expect(row[.pairs] == 2)
    #expect(row.number(.taxTTFT).isNear((0.5 + 0.25) / 2))
    #expect(row.number(.taxTotal).isNear((1.0 + 0.5) / 2))
    #expect(row.number(.taxTTFTLower) >= 0.25 - 1e-12 && row.number(.taxTTFTUpper) <= 0.5 + 1e-12)
    #expect(row.number(.packingSpeedup).isNear(1.375))
    #expect(row[.idealPackingSpeedup] == 2)
    #expect(row.number(.packingEfficiency).isNear(0.375))
    let packed = try #require(summary.row("tp2", "packed"))
    #expect(packed[.taxTTFT] == nil && packed[.pairs] == nil && packed.note.isEmpty == false)
  }

  @Test("an efficiency above the limit is flagged")
  func flagsEfficiency() throws {
    let cell = Fixture.cell([
      Fixture.batch("right-pad", ttft: 4, total: 8), Fixture.batch("packed", ttft: 1, total: 4),
    ])
    let summary = Fixture.summary(cell)
    #expect(summary.row("tp2", "right-pad")?[.packingEfficiency] == 3)
    #expect(
      summary.warnings.contains { $0.hasPrefix("tp2 right-pad: packing efficiency 3.000 is above") }
    )
  }

  @Test("only executions with a packed partner are paired")
  func missingPairs() throws {
    let cell = Fixture.cell([
      Fixture.batch("right-pad", batch: 0, ttft: 3, total: 6),
      Fixture.batch("right-pad", batch: 1, ttft: 50, total: 60),
      Fixture.batch("packed", batch: 0, ttft: 2, total: 4),
      Fixture.batch("packed", batch: 2, ttft: 1, total: 1),
    ])
    let row = try #require(Fixture.summary(cell).row("tp2", "right-pad"))
    #expect(row.executions == 2 && row.batches == 2)
    #expect(row[.pairs] == 1 && row[.taxTTFT] == 0.5 && row[.taxTotal] == 0.5)
    #expect(row[.taxTTFTLower] == nil, "one pair has no interval")

    let none = Fixture.cell([
      Fixture.batch("right-pad", batch: 1, ttft: 5, total: 6),
      Fixture.batch("packed", batch: 2, ttft: 1, total: 1),
    ])
    let lone = try #require(Fixture.summary(none).row("tp2", "right-pad"))
    #expect(lone[.taxTTFT] == nil && lone[.batchTTFT] == 5)
    #expect(lone.note.hasPrefix("no records of ranks; no padding tax: no packed execution"))
  }

  @Test("without a packed policy the tax is blank and says why")
  func noPacked() throws {
    let cell = Fixture.cell([Fixture.batch("left-pad", ttft: 3, total: 6)])
    let summary = Fixture.summary(cell)
    let row = try #require(summary.row("tp2", "left-pad"))
    #expect(row[.taxTTFT] == nil && row[.packingEfficiency] == nil && row[.batchTTFT] == 3)
    #expect(row.note.contains("no padding tax: packed is not in the run"))
    #expect(summary.warnings.contains { $0.contains("no padding tax") })
  }

  @Test("a job without decode has no decode rate")
  func zeroDecode() throws {
    let cell = Fixture.cell(
      [Fixture.batch("packed", ttft: 2, total: 2, outputs: 2)],
      ranks: [
        Fixture.rank("packed", "prefill", rank: 0, wall: 2, compute: 2, communication: 0),
        Fixture.rank("packed", "decode", rank: 0, wall: 0, compute: 0, communication: 0),
      ])
    let row = try #require(Fixture.summary(cell).row("tp2", "packed"))
    #expect(row[.decode] == nil && row[.decodeIdleShare] == nil)
    #expect(row[.idleShare] == 0 && row[.batchTTFT] == 2)
  }

  @Test("shares weigh every rank's time, and control traffic is counted apart")
  func ranks() throws {
    let traffic = [
      Fixture.traffic("all-reduce", "tensor", bytes: 400, padded: 100),
      Fixture.traffic("send", "pipeline", bytes: 40, padded: 4),
      Fixture.traffic("receive", "pipeline", bytes: 4000),
      Fixture.traffic("broadcast", "control", bytes: 70),
    ]
    let cell = Fixture.cell(
      [
        Fixture.batch("packed", turn: 0, ttft: 2, total: 4),
        Fixture.batch("packed", turn: 1, ttft: 2, total: 4),
      ],
      ranks: [
        Fixture.rank(
          "packed", "prefill", rank: 0, wall: 2, compute: 1, communication: 0.5, traffic: traffic),
        Fixture.rank(
          "packed", "prefill", rank: 1, wall: 2, compute: 1.5, communication: 0.5,
          traffic: traffic, peak: 300),
        Fixture.rank("packed", "decode", rank: 0, wall: 4, compute: 2, communication: 1),
      ])
    let row = try #require(Fixture.summary(cell).row("tp2", "packed"))
    #expect(row.number(.communicationShare).isNear(2.0 / 8))
    #expect(row.number(.idleShare).isNear(1.5 / 8))
    #expect(row.number(.computeShare).isNear(4.5 / 8))
    #expect(row.number(.prefillCommunicationShare).isNear(1.0 / 4))
    #expect(row.number(.decodeIdleShare).isNear(1.0 / 4))
    // Two ranks sent 440 bytes each, over two executions.
    #expect(row[.sentBytes] == 440 && row[.paddedSentBytes] == 104 && row[.controlBytes] == 70)
    #expect(row[.peakMemory] == 300 && row[.weights] == 40 && row[.kvReserved] == 8)
  }

  @Test("padding takes of an operation's communication time what it has of its bytes")
  func paddedCommunication() throws {
    let prefill = [
      Fixture.traffic("all-reduce", "tensor", bytes: 400, padded: 100, moving: 0.4),
      Fixture.traffic("send", "pipeline", bytes: 40, padded: 20, moving: 0.1),
      Fixture.traffic("broadcast", "control", bytes: 70, moving: 9),
    ]
    let decode = [Fixture.traffic("all-reduce", "tensor", bytes: 100, padded: 75, moving: 0.2)]
    let cell = Fixture.cell(
      [
        Fixture.batch("packed", turn: 0, ttft: 2, total: 4),
        Fixture.batch("packed", turn: 1, ttft: 2, total: 4),
      ],
      ranks: [
        Fixture.rank(
          "packed", "prefill", rank: 0, wall: 2, compute: 1, communication: 0.5,
          traffic: prefill),
        Fixture.rank(
          "packed", "decode", rank: 0, wall: 2, compute: 1, communication: 0.2, traffic: decode),
      ])
    let row = try #require(Fixture.summary(cell).row("tp2", "packed"))
    let shares = try #require(row.communication)
    #expect(shares.map(\.operation) == ["all-reduce", "send"])
    let reduce = shares[0]
    #expect(reduce.calls == 1 && reduce.bytes == 250 && reduce.paddedBytes == 87.5)
    #expect(reduce.communicationSeconds.isNear(0.3))
    // A quarter of 0.4 s and three quarters of 0.2 s, over two executions.
    #expect(reduce.paddedSeconds.isNear((0.1 + 0.15) / 2))
    #expect(row.number(.paddedCommunicationShare).isNear((0.1 + 0.15 + 0.05) / 0.7))
  }

  @Test("a row says whether its traffic was the predicted one, and a difference is a warning")
  func trafficChecks() throws {
    func record(_ difference: TrafficDifference?) -> TrafficCheckRecord {
      TrafficCheckRecord(
        cell: "tp2", layout: "tp2", dialect: "megatron", tensorReduction: "all-reduce",
        policy: "packed", batch: 4, ranks: 2, executions: 3, operations: 9, sentBytes: 100,
        paddedBytes: 0, difference: difference)
    }
    var cell = Fixture.cell([Fixture.batch("packed", ttft: 2, total: 4)])
    func summary(_ records: [TrafficCheckRecord]) -> Summary {
      cell.trafficChecks = records
      return Fixture.summary(cell)
    }
    #expect(summary([]).rows[0].trafficEqual == nil)
    let good = summary([record(nil), record(nil)])
    #expect(good.rows[0].trafficEqual == true && good.text().contains("traffic  PASS"))
    let bad = summary([
      record(nil),
      record(
        TrafficDifference(rank: 1, execution: 0, index: 7, expected: "this", found: "that")),
    ])
    #expect(bad.rows[0].trafficEqual == false && bad.text().contains("traffic  FAIL"))
    #expect(
      bad.warnings.contains(
        "tp2 packed, batch 4: traffic is not the model's: rank 1, execution 0, operation 7: "
          + "expected this; found that"))
    #expect(bad.csv.contains(",false,"))
  }
}

@Suite struct VariationTests {
  /// Times of three batches, three repeats each, as multiples of the batch's own.
  private func row(_ factors: [[Double]]) throws -> SummaryRow {
    let bases = [1.0, 2.0, 4.0]
    let records = factors.enumerated().flatMap { batch, repeats in
      repeats.enumerated().map { turn, factor in
        Fixture.batch(
          "packed", batch: batch, turn: turn, ttft: bases[batch] * factor,
          total: 3 * bases[batch] * factor)
      }
    }
    return try #require(Fixture.summary(Fixture.cell(records)).row("tp2", "packed"))
  }

  @Test("the batches' share and the repeats' are told apart, and an outlier is counted")
  func components() throws {
    let quiet = try row([[1, 1.01, 0.99], [1.01, 1, 0.99], [0.99, 1.01, 1]])
    // Logarithms of 1, 2, 4: standard deviation ln 2; of 1, 1.01, 0.99: 0.01.
    #expect(abs(quiet.number(.ttftInputEffect) - 0.693147) < 1e-3)
    #expect(abs(quiet.number(.totalNoise) - 0.01) < 1e-4)
    #expect(quiet[.outliers] == 0 && quiet.executions == 9)
    let loud = try row([[1, 1.01, 0.99], [1.01, 1.5, 0.99], [0.99, 1.01, 1]])
    #expect(loud[.outliers] == 1 && loud.executions == 9, "marked, not removed")
    let one = try row([[1, 1.01, 0.99]])
    #expect(one[.ttftNoise] == nil && one[.outliers] == nil)
  }

  @Test("intervals are those of batches, not of repeats")
  func intervals() throws {
    // 45 independent values would have an interval around the batch in the middle.
    let factors = (0..<15).map { 1 + 0.001 * Double($0) }
    let row = try row([factors, factors, factors])
    #expect(row.number(.batchTTFTLower) < 1.1 && row.number(.batchTTFTUpper) > 3.9)
    let text = Fixture.summary(
      Fixture.cell(
        [0, 1].flatMap { batch in
          [1.0, 1.1].enumerated().map {
            Fixture.batch("packed", batch: batch, turn: $0, ttft: $1 + Double(batch), total: 5)
          }
        })
    ).text()
    #expect(text.contains("WHAT TIMES VARY WITH"))
  }
}

@Suite struct TrustTests {
  @Test("answers that were wrong, or never verified, leave no number and say why")
  func unverified() throws {
    let cell = Fixture.cell(
      [
        Fixture.batch("right-pad", ttft: 3, total: 6), Fixture.batch("packed", ttft: 2, total: 4),
      ],
      verifications: [Fixture.verification("packed", passed: false, failure: "token 3 differs")])
    let summary = Fixture.summary(cell)
    let packed = try #require(summary.row("tp2", "packed"))
    #expect(packed.verified == false && packed.metrics.isEmpty)
    #expect(packed.note == "answers are wrong: token 3 differs")
    let padded = try #require(summary.row("tp2", "right-pad"))
    #expect(padded.note == "not verified" && padded.metrics.isEmpty)
    #expect(!summary.text().contains("3000"), "no timing in the table")
    #expect(summary.text().contains("WARNING  tp2 packed: answers are wrong: token 3 differs"))
  }

  @Test("an unverified packed policy is no reference for the tax")
  func unverifiedReference() throws {
    let cell = Fixture.cell(
      [
        Fixture.batch("right-pad", ttft: 3, total: 6), Fixture.batch("packed", ttft: 2, total: 4),
      ], verifications: [Fixture.verification("right-pad")])
    let row = try #require(Fixture.summary(cell).row("tp2", "right-pad"))
    #expect(row[.batchTTFT] == 3 && row[.taxTTFT] == nil)
  }

  @Test("policies whose tokens differ are flagged")
  func answers() throws {
    func summary(_ digest: String) -> Summary {
      Fixture.summary(
        Fixture.cell([
          Fixture.batch("right-pad", ttft: 3, total: 6, digest: digest),
          Fixture.batch("packed", ttft: 2, total: 4, digest: "a"),
        ]))
    }
    #expect(summary("a").rows.map(\.answersEqual) == [true, true])
    #expect(summary("b").rows.map(\.answersEqual) == [false, false])
    #expect(summary("b").warnings.contains { $0.contains("generated tokens differ") })
    #expect(!summary("a").warnings.contains { $0.contains("generated tokens differ") })
    let lone = Fixture.summary(Fixture.cell([Fixture.batch("packed", ttft: 2, total: 4)]))
    #expect(lone.rows.map(\.answersEqual) == [nil])
  }

  @Test("scores are compared within what verification allows, where the same tokens were scored")
  func scores() {
    func equal(_ mean: Double, digest: String = "a") -> [Bool?] {
      var batches = ["right-pad", "packed"].map { Fixture.batch($0, ttft: 3, total: 3) }
      batches[0].meanNLL = mean
      batches[0].tokenDigest = digest
      batches[1].meanNLL = 5
      let summary = Fixture.summary(Fixture.cell(batches))
      #expect(summary.row("tp2", "packed")?[.meanNLL] == 5)
      return summary.rows.map(\.answersEqual)
    }
    // The fixture's verification allows 1e-4.
    #expect(equal(5.00009) == [true, true])
    #expect(equal(5.0002) == [false, false])
    #expect(equal(.nan) == [false, false])
    #expect(equal(7, digest: "cut") == [nil, nil])
  }

  @Test("oversubscribed runs and slow BLAS kernels are warned about")
  func warnings() throws {
    let cell = Fixture.cell(
      [Fixture.batch("packed", ttft: 2, total: 4)],
      provenance: Fixture.provenance(crowded: true, core: "Prescott"))
    let summary = Fixture.summary(cell)
    #expect(summary.warnings.contains { $0.contains("not to be trusted") })
    #expect(summary.warnings.contains { $0.contains("Prescott") })
    #expect(summary.text().contains("tp2*"))
    let quiet = Fixture.summary(Fixture.cell([Fixture.batch("packed", ttft: 2, total: 4)]))
    #expect(!quiet.warnings.contains { $0.contains("Prescott") || $0.contains("trusted") })
  }

  @Test("cells that failed, were stopped or never ran are named")
  func shortfalls() throws {
    var failed = Fixture.cell([], state: .error, provenance: nil)
    failed.errorText = "ranks ended with code 137 (signal 9)\nmore"
    var absent = CellContents(name: "pp2", state: nil)
    let stopped = Fixture.cell([Fixture.batch("packed", ttft: 2, total: 4)], state: .ready)
    let summary = Fixture.summary(failed, absent, stopped, warnings: ["torn"])
    #expect(summary.warnings.contains("tp2: failed: ranks ended with code 137 (signal 9)"))
    #expect(summary.warnings.contains("pp2: did not run"))
    #expect(summary.warnings.contains { $0.hasPrefix("tp2: was stopped before it finished") })
    #expect(summary.warnings.first == "torn")
    #expect(summary.rows.count == 1 && summary.rows[0][.batchTTFT] == 2)
    absent.state = .done
    #expect(Fixture.summary(absent).text().contains("Nothing was measured."))
  }
}
