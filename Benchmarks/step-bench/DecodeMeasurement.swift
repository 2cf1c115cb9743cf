/// Decode steps against the time it takes to read what they must read: the rank's weights and the
/// keys and values of its sequences, at the bandwidth of reading in many streams, all ranks at once.
struct DecodeMeasurement {
  /// Tokens behind the first step, and steps per sample.
  private static let context = 128
  private static let steps = 8

  private let engine: Engine
  private let rounds: Int

  init(_ engine: Engine, rounds: Int) {
    self.engine = engine
    self.rounds = rounds
  }

  func run(_ report: inout Report) throws {
    report.note(
      "\ndecode, \(Self.steps) steps a sample, context \(Self.context), packed")
    let memory = try ReadMemory(engine)
    for (sequences, required) in [
      (1, engine.ranks.precision.target(0.75, 0.85)),
      (8, engine.ranks.precision.target(0.50, 0.85)),
    ] {
      try measure(sequences: sequences, required: required, memory: memory, &report)
    }
  }

  private func measure(
    sequences: Int, required: Double, memory: ReadMemory, _ report: inout Report
  ) throws {
    let ranks = engine.ranks
    let batch = try engine.decodeBatch(
      sequences: sequences, context: Self.context, steps: Self.steps)
    let bounds = DecodeBounds(
      engine, sequences: sequences, context: Self.context, steps: Self.steps)
    let bytes = bounds.stepBytes
    let reads = max(1, Int(bytes * Double(Self.steps)) / ReadMemory.bytes)
    var ratio = PairedRatio()
    var roofline = PairedRatio()
    // Samples are short, so there are more of them.
    for round in 0...4 * rounds {
      let perByte = try memory.secondsPerByte(reads: reads)
      let decode = try ranks.sample { try engine.run(batch).decode }
      guard round > 0 else { continue }  // The first round is warm-up.
      ratio.add(ceiling: perByte, judged: decode / (Double(Self.steps) * bytes))
      roofline.add(
        ceiling: try bounds.roof(secondsPerByte: perByte),
        judged: decode / Double(Self.steps))
    }
    report.ceiling(
      "read bandwidth, all ranks at once, each", 1e-9 / ratio.bestCeiling, "GB/s")
    report.ceiling(
      "a step of \(fixed(bytes / 1e6)) MB a rank", ratio.bestJudged * bytes * 1e3, "ms")
    report.ratio(
      "decode step, batch \(sequences) / read bandwidth", ratio, atLeast: required)
    report.beside("products and attention at the later of reading and multiply-add peak", roofline)
  }
}
