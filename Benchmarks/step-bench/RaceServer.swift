import Inference
import MPI

/// Runs what the root reads from standard input, one word a line, until it ends: `padded`, `packed`
/// (prefill of the batch of `PackingMeasurement`) or `decode`; answers each with its seconds. So another
/// engine can take its turn between two of ours (`Benchmarks/peers`). `bounds` is answered with the seconds
/// that each of the three needs on this machine at least, as JSON: prefill its products at the
/// multiply-add peak, decode its bytes at read bandwidth.
struct RaceServer {
  private static let names = ["padded", "packed", "decode", "bounds"]
  private static let sequences = 8
  private static let context = 256
  private static let steps = 8

  private let engine: Engine

  init(_ engine: Engine) { self.engine = engine }

  func run() throws {
    let ranks = engine.ranks
    let lengths = PackingMeasurement.lengths
    let batches = [
      try engine.batch(.rightPad, lengths: lengths, outputs: 1),
      try engine.batch(.packed, lengths: lengths, outputs: 1),
      try engine.decodeBatch(
        sequences: Self.sequences, context: Self.context, steps: Self.steps),
    ]
    let plan = engine.model
    // Output to a pipe waits in a buffer that `StandardStream` does not have.
    if ranks.isRoot {
      let provenance = engine.backend.provenance
      let words =
        "padtax \(SourceVersion.padtax), \(provenance.instructionSet), "
        + (engine.ranks.precision == .bf16 ? "\(engine.backend.bfloat16Dispatch.kernels), " : "")
        + "\(provenance.version.split(separator: " ").prefix(2).joined(separator: " ")) "
        + provenance.core
      StandardStream.output.line(
        "{\"engine\": \"\(words)\", \"layers\": \(plan.layerCount), \"vocabulary\": \(plan.vocabularySize), "
          + "\"lengths\": \(lengths), \"sequences\": \(Self.sequences), "
          + "\"context\": \(Self.context), \"steps\": \(Self.steps)}")
    }
    let memory = try ReadMemory(engine)
    while let index = try next() {
      guard index < batches.count else {
        let bounds = try bounds(batches, memory)
        let fields = zip(Self.names, bounds).map { "\"\($0)\": \($1)" }
        if ranks.isRoot { StandardStream.output.line("{" + fields.joined(separator: ", ") + "}") }
        continue
      }
      let run = { try engine.run(batches[index]) }
      let seconds = try ranks.sample { index == 2 ? try run().decode : try run().prefill }
      if ranks.isRoot { StandardStream.output.line("\(seconds)") }
    }
  }

  private func bounds(_ batches: [PreparedBatch], _ memory: ReadMemory) throws -> [Double] {
    let peak = engine.backend.measureMultiplyAddPeak(seconds: 0.1)
    let decode = DecodeBounds(
      engine, sequences: Self.sequences, context: Self.context, steps: Self.steps)
    let bytes = Double(Self.steps) * decode.stepBytes
    return try batches.dropLast().map {
      try engine.ranks.slowest(1e-9 * engine.matrixFLOPs($0) / peak)
    } + [engine.ranks.slowest(bytes) * memory.secondsPerByte(reads: 4)]
  }

  /// The root's next word as an index, on every rank; nil at the end of input.
  private func next() throws -> Int? {
    var index = [Int32(-1)]
    while engine.ranks.isRoot, let line = readLine() {
      guard let found = Self.names.firstIndex(of: line) else {
        StandardStream.error.line("unknown word \(line); valid: \(Self.names)")
        continue
      }
      index = [Int32(found)]
      break
    }
    try engine.ranks.world.broadcast(&index, root: 0)
    return index[0] < 0 ? nil : Int(index[0])
  }
}
