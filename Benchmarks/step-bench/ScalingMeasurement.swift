import Inference

/// Prefill on two tensor-parallel ranks against one rank alone, whose neighbour leaves its core
/// idle.
struct ScalingMeasurement {
  private static let sequences = 2
  private static let length = 256

  private let engine: Engine
  private let rounds: Int

  init(_ engine: Engine, rounds: Int) {
    self.engine = engine
    self.rounds = rounds
  }

  func run(_ report: inout Report) throws {
    let ranks = engine.ranks
    let lengths = Array(repeating: Self.length, count: Self.sequences)
    let together = try engine.batch(.packed, lengths: lengths, outputs: 1)
    report.note("\ntp2 against tp1, prefill of \(Self.sequences) x \(Self.length) slots")
    // The root alone holds the whole model besides its part; the others wait at the next barrier.
    let single =
      ranks.isRoot
      ? try Engine(model: engine.model, ranks: ranks, backend: engine.backend, alone: true) : nil
    let alone = try single?.batch(.packed, lengths: lengths, outputs: 1)
    var speedup = PairedRatio()
    for round in 0...rounds {
      let two = try ranks.sample { try engine.run(together).prefill }
      let one = try ranks.sampleAlone {
        guard let single, let alone else { preconditionFailure("only the root is asked") }
        return try single.run(alone).prefill
      }
      guard round > 0 else { continue }  // The first round is warm-up.
      speedup.add(ceiling: one, judged: two)
    }
    report.ceiling("tp1", speedup.bestCeiling * 1e3, "ms")
    report.ceiling("tp2", speedup.bestJudged * 1e3, "ms")
    report.ratio("tp2 speed-up over tp1 in prefill", speedup, atLeast: 1.7)
  }
}
