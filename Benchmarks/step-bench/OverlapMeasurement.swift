import Inference

/// Prefill with sums in one piece and in chunks, in turns: what computing beside them gains.
struct OverlapMeasurement {
  private static let sequences = 8
  private static let length = 256

  private let engine: Engine
  private let rounds: Int

  init(_ engine: Engine, rounds: Int) {
    self.engine = engine
    self.rounds = rounds
  }

  func run(_ report: inout Report) throws {
    let batch = try engine.batch(
      .packed, lengths: Array(repeating: Self.length, count: Self.sequences), outputs: 1)
    let given = engine.reductionChunks
    defer { engine.reductionChunks = given }
    let counts = given > 1 ? [given] : [2, 4, 8]
    var ratios = counts.map { _ in PairedRatio() }
    for round in 0...rounds {
      for (index, count) in counts.enumerated() {
        let whole = try seconds(batch, chunks: 1)
        let chunked = try seconds(batch, chunks: count)
        // The first round is warm-up.
        if round > 0 { ratios[index].add(ceiling: whole, judged: chunked) }
      }
    }
    report.note(
      "\nprefill of \(Self.sequences) x \(Self.length) slots, one sum per product against chunks")
    for (count, ratio) in zip(counts, ratios) {
      report.note(
        "    speed-up of at most \(count) chunks: \(fixed(ratio.median)) (fastest samples "
          + "\(fixed(ratio.best)), \(fixed(ratio.bestCeiling * 1e3)) to "
          + "\(fixed(ratio.bestJudged * 1e3)) ms)")
    }
  }

  private func seconds(_ batch: PreparedBatch, chunks: Int) throws -> Double {
    engine.reductionChunks = chunks
    return try engine.ranks.sample { try engine.run(batch).prefill }
  }
}
