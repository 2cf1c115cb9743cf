import Inference

/// Decode steps while the ledger notes every call, against the same steps while it notes nothing:
/// all that a measured run adds to a step. Phases, marks and traces are told from the ledger later.
struct InstrumentMeasurement {
  private let engine: Engine
  private let rounds: Int

  init(_ engine: Engine, rounds: Int) {
    self.engine = engine
    self.rounds = rounds
  }

  func run(_ report: inout Report) throws {
    let batch = try engine.decodeBatch(sequences: 1, context: 64, steps: 16)
    defer { engine.ledger.isRecording = true }
    var ratio = PairedRatio()
    for round in 0...8 * rounds {
      var seconds = [0.0, 0.0]
      // Either goes first in every other pair.
      for turn in [round % 2, 1 - round % 2] {
        engine.ledger.isRecording = turn == 0
        seconds[turn] = try engine.ranks.sample { try engine.run(batch).decode }
      }
      if round > 0 { ratio.add(ceiling: seconds[1], judged: seconds[0]) }
    }
    report.note("\ncost of the instruments in decode, batch 1")
    report.ratio("decode steps without the ledger / with it", ratio, atLeast: 0.995)
  }
}
