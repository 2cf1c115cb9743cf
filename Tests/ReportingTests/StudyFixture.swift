import Records
import Reporting
import Workloads

/// Records of a study with every kind of section in it: layouts × policies × pad ratios × spreads.
/// Times follow from slots by a made-up rule, no two layouts alike.
struct StudyFixture {
  var layouts = ["tp1", "tp2", "pp2"]
  var policies = ["right-pad", "sorted", "packed"]
  var ratios = [0.2, 0.4, 0.6]
  var spreads = [0.2, 0.4]
  var repeats = 2
  var identifier = "20261121T113000Z"

  var contents: RunContents {
    RunContents(
      identifier: identifier,
      run: RunRecord(
        identifier: identifier, job: "fixture", arguments: ["padtax", "run"], padtaxVersion: "0",
        host: "box", seed: 1, clock: "wall", startUTC: "2026-11-21T11:30:00Z",
        endUTC: "2026-11-21T11:31:00Z", cells: layouts),
      job: nil, cells: layouts.indices.map(cell))
  }

  var summary: Summary { Summary(contents) }

  private func cell(_ index: Int) -> CellContents {
    let layout = layouts[index]
    let batches = policies.flatMap { policy in
      ratios.indices.flatMap { ratio in
        spreads.indices.flatMap { spread in
          (0..<repeats).map { turn in
            batch(layout: index, policy: policy, ratio: ratio, spread: spread, turn: turn)
          }
        }
      }
    }
    var provenance = Fixture.provenance()
    provenance.cell = layout
    provenance.layout = layout
    return CellContents(
      name: layout, state: .done, provenance: provenance,
      verifications: policies.map { Fixture.verification($0) }, batches: batches,
      ranks: policies.flatMap { policy in ranks(policy) })
  }

  private func batch(
    layout: Int, policy: String, ratio: Int, spread: Int, turn: Int
  ) -> BatchRecord {
    let number = 1000 * (ratio * spreads.count + spread)
    let padRatio = ratios[ratio]
    let isPadded = policy != "packed"
    let kept = policy == "sorted" ? padRatio / 3 : isPadded ? padRatio : 0
    let tokens = 1000
    let slots = Int(Double(tokens) / (1 - kept))
    let noise = 1 + 0.01 * Double((turn * 7 + number / 1000 * 3 + layout) % 5)
    // Layouts after the first are slower at low pad ratios, faster at high ones.
    let factor = 1 + 0.4 * Double(layout) * (0.45 - padRatio)
    let ttft = Double(slots) * 2e-5 * factor * noise
    var record = Fixture.batch(
      policy, batch: number, turn: turn, ttft: ttft, total: ttft * 1.8, outputs: 32,
      ideal: 1 / (1 - kept) + 0.01)
    record.cell = layouts[layout]
    record.layout = layouts[layout]
    record.inputTokens = tokens
    record.prefillSlots = slots
    record.decodeSlots = 30
    record.longestPrompt = 128
    record.shortestPrompt = 128 - 10 * (ratio + 1) - 3 * spread
    record.padding =
      isPadded
      ? ["length": PaddingRecord(slots: slots - tokens, flops: 1e9, seconds: ttft * kept)] : [:]
    record.batchPadding = BatchPadding(
      padRatio: padRatio, covLength: 0.5, covPadding: spreads[spread],
      target: PaddingPair(padRatio: padRatio, spread: PaddingSpread(.covPadding, spreads[spread])))
    return record
  }

  private func ranks(_ policy: String) -> [RankRecord] {
    (0..<2).flatMap { rank in
      ["prefill", "decode"].map { phase in
        Fixture.rank(
          policy, phase, rank: rank, wall: 0.05, compute: 0.03 + 0.005 * Double(rank),
          communication: 0.01,
          traffic: [
            Fixture.traffic(
              "all-reduce", "tensor", bytes: 4000, padded: policy == "packed" ? 0 : 1600)
          ])
      }
    }
  }
}
