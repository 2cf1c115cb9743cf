import Records
import Testing
import Workloads

@testable import Reporting

/// The three sentences, word by word.
@Suite struct AnswerTests {
  private func words(_ summary: Summary) -> String {
    Answer(summary).sentences.map(\.plain).joined(separator: "\n")
  }

  /// Two padded executions and two packed ones; `factor` stretches the padded times.
  private func cell(_ layout: String, factor: Double = 1, others: [String] = []) -> CellContents {
    let records = (others + ["right-pad", "packed"]).enumerated().flatMap {
      index, policy -> [BatchRecord] in
      (0..<2).map { turn in
        let seconds = policy == "packed" ? 2 : (3 + 0.25 * Double(turn) + Double(index)) * factor
        var batch = Fixture.batch(policy, turn: turn, ttft: seconds, total: 2 * seconds)
        if policy != "packed" { batch.padding["length"]?.seconds = seconds / 2 }
        return batch
      }
    }
    var cell = Fixture.cell(records)
    cell.name = layout
    cell.provenance?.layout = layout
    return cell
  }

  @Test("one layout: tax, its cause, what packing gains")
  func one() {
    #expect(
      words(Fixture.summary(cell("tp2"))) == """
        The padding tax of right-pad, its extra time to first token over the same prompts packed, is \
        +56 % [+50, +62] under tp2, n = 2 pairs; 50 % of its prefill slots hold no token.
        Most of it belongs to the cause length: 10 slots a batch, whose share of the work by FLOPs is \
        25 % of the total time.
        Pack: under tp2 that is 1.56 times as fast as right-pad, where FLOPs allow 2.00.
        """)
  }

  @Test(
    "several layouts and policies: who pays least, whether they differ, the cheapest padded one")
  func several() {
    let summary = Fixture.summary(
      cell("tp2", others: ["sorted"]), cell("pp2", factor: 2, others: ["sorted"]))
    #expect(
      words(summary) == """
        The padding tax of right-pad, its extra time to first token over the same prompts packed, is \
        +106 % [+100, +112] (tp2) to +312 % [+300, +325] (pp2), n = 2 pairs each; 50 % of its prefill \
        slots hold no token.
        tp2 pays least and pp2 most: their intervals do not overlap, so they differ.
        Pack: under pp2 that is 4.12 times as fast as right-pad, where FLOPs allow 2.00; where an \
        engine cannot pack, sorted is the cheapest padded policy there, +212 % [+200, +225].
        """)
    let close = Fixture.summary(cell("tp2"), cell("pp2", factor: 1.02))
    #expect(words(close).contains("this run does not tell them apart"))
  }

  @Test("an interval that holds zero is no difference, and no reason to pack")
  func noise() {
    let noisy = (0..<2).flatMap { turn in
      [
        Fixture.batch("right-pad", turn: turn, ttft: turn == 0 ? 1.9 : 2.2, total: 4),
        Fixture.batch("packed", turn: turn, ttft: 2, total: 4),
      ]
    }
    let text = words(Fixture.summary(Fixture.cell(noisy)))
    #expect(
      text.hasPrefix(
        "No padding tax of right-pad can be told from noise: +2.5 % [−5.0, +10] under tp2, n = 2, ")
    )
    #expect(
      text.hasSuffix(
        "So nothing here asks for packing: it gains no time to first token on these batches."))
  }

  @Test("without packed it says what is not known and what to do")
  func noPacked() {
    let summary = Fixture.summary(Fixture.cell([Fixture.batch("left-pad", ttft: 3, total: 6)]))
    #expect(
      words(summary) == """
        With left-pad, 50 % of the prefill slots hold no token; what that costs in time is not known, \
        because no verified packed run of the same batches is there.
        left-pad under tp2 has a TTFT of 3000 ms, n = 1.
        Run the job again with packed among its policies to know the padding tax.
        """)
  }

  @Test("imported times alone: the layouts compared, over the grid too")
  func imported() {
    let cells = ["tp4", "pp4"].enumerated().map { index, layout in
      let batches = (0..<3).map { number -> BatchRecord in
        var batch = Fixture.batch(
          "megatron-iterative", batch: number,
          ttft: 3 + Double(index) - 1.5 * Double(number * index),
          total: 9)
        batch.origin = .imported
        batch.batchPadding = BatchPadding(
          padRatio: 0.5, covLength: 1, covPadding: 0.4,
          target: PaddingPair(
            padRatio: 0.3 + 0.2 * Double(number), spread: PaddingSpread(.covPadding, 0.4)))
        return batch
      }
      var cell = Fixture.cell(batches, verifications: [], provenance: nil)
      cell.name = layout
      for index in cell.batches.indices { cell.batches[index].layout = layout }
      return cell
    }
    #expect(
      words(Fixture.summary(cells[0], cells[1])) == """
        With megatron-iterative, 50 % of the prefill slots hold no token; what that costs in time is \
        not known, because imported times come without packed runs.
        TTFT is shortest with megatron-iterative under pp4, 2500 ms [1000, 4000], and longest with \
        megatron-iterative under tp4, 3000 ms [3000, 3000]; pp4 is fastest in 2 of 3 pairs of pad \
        ratio and spread.
        Run the batches with padtax, packed among the policies, to know the padding tax.
        """)
  }

  @Test("measured rows speak where there are any; crowded machines are named")
  func caveats() {
    var foreign = Fixture.batch("megatron-iterative", ttft: 8, total: 9)
    foreign.origin = .imported
    let imported = Fixture.summary(Fixture.cell([foreign], verifications: [], provenance: nil))
    let joined = Answer(Summary(joining: [Fixture.summary(cell("tp2")), imported]))
    #expect(joined.rows.count == 2 && joined.caveats.count == 1)
    var virtual = cell("tp2")
    for index in virtual.batches.indices { virtual.batches[index].origin = .virtual }
    virtual.batches.append(contentsOf: cell("tp2").batches)
    let both = Answer(Fixture.summary(virtual))
    #expect(both.rows.map(\.origin) == [.measured, .measured])
    virtual.batches.removeLast(4)
    let pretended = Answer(Fixture.summary(virtual))
    #expect(pretended.rows.map(\.origin) == [.virtual, .virtual])
    #expect(pretended.caveats == ["Times are of a virtual clock, not of this machine."])
    var crowded = cell("tp2")
    crowded.provenance = Fixture.provenance(crowded: true)
    #expect(
      Answer(Fixture.summary(crowded)).caveats.first?.contains("more ranks than cores") == true)
    #expect(words(Fixture.summary()) == "Nothing was measured.")
    #expect(Answer(Fixture.summary()).tiles.isEmpty)
  }

  @Test("rows of one layout are told apart by variation, origin and run, as far as those differ")
  func names() {
    func row(_ run: String, _ origin: Origin = .measured, _ variation: String = "") -> SummaryRow {
      var row = SummaryRow(cell: "c", layout: "tp2", policy: "packed", ranks: 2)
      row.run = run
      row.origin = origin
      row.variation = variation
      return row
    }
    func places(_ rows: [SummaryRow]) -> [String] { rows.map(RowNames(rows).place) }
    #expect(places([row("a"), row("a")]) == ["tp2", "tp2"])
    #expect(places([row("a"), row("b")]) == ["tp2 a", "tp2 b"])
    #expect(places([row("a"), row("b", .imported)]) == ["tp2 (measured)", "tp2 (imported)"])
    #expect(
      places([row("a", .measured, "batch 8"), row("a", .measured, "batch 16")])
        == ["tp2 batch 8", "tp2 batch 16"])
  }
}
