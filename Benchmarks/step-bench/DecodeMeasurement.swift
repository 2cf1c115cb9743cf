import Inference
import Kernels
import Models
import Tensors

/// Decode steps against the time it takes to read what they must read: the rank's weights and the
/// keys and values of its sequences, at the bandwidth of reading in many streams, all ranks at once.
struct DecodeMeasurement {
  /// Tokens behind the first step, and steps per sample.
  private static let context = 128
  private static let steps = 8
  /// Memory that bandwidth is measured on, at most; it has to exceed the caches.
  private static let readBytes = 256 << 20

  private let engine: Engine
  private let rounds: Int

  init(_ engine: Engine, rounds: Int) {
    self.engine = engine
    self.rounds = rounds
  }

  func run(_ report: inout Report) throws {
    report.note(
      "\ndecode, \(Self.steps) steps a sample, context \(Self.context), packed")
    let memory = try engine.backend.matrix(rows: 1, columns: Self.readBytes / 4)
    // Untouched pages would all be one page of zeros.
    memory.pointer.update(repeating: 1, count: memory.count)
    for (sequences, required) in [
      (1, engine.ranks.precision.target(0.75, 0.85)),
      (8, engine.ranks.precision.target(0.50, 0.85)),
    ] {
      try measure(sequences: sequences, required: required, memory: memory, &report)
    }
  }

  private func measure(
    sequences: Int, required: Double, memory: Matrix, _ report: inout Report
  ) throws {
    let ranks = engine.ranks
    let batch = try engine.decodeBatch(
      sequences: sequences, context: Self.context, steps: Self.steps)
    let bytes = stepBytes(sequences: sequences)
    let reads = max(1, Int(bytes * Double(Self.steps)) / Self.readBytes)
    var ratio = PairedRatio()
    var roofline = PairedRatio()
    var sink: Float = 0
    // Samples are short, so there are more of them.
    for round in 0...4 * rounds {
      let read = try ranks.seconds {
        for _ in 0..<reads { sink += engine.backend.readStreams(memory) }
      }
      let decode = try ranks.sample { try engine.run(batch).decode }
      guard round > 0 else { continue }  // The first round is warm-up.
      let perByte = read / Double(reads * Self.readBytes)
      ratio.add(ceiling: perByte, judged: decode / (Double(Self.steps) * bytes))
      roofline.add(
        ceiling: try roof(sequences: sequences, secondsPerByte: perByte),
        judged: decode / Double(Self.steps))
    }
    precondition(sink > 0, "the memory was read")
    report.ceiling(
      "read bandwidth, all ranks at once, each", 1e-9 / ratio.bestCeiling, "GB/s")
    report.ceiling(
      "a step of \(fixed(bytes / 1e6)) MB a rank", ratio.bestJudged * bytes * 1e3, "ms")
    report.ratio(
      "decode step, batch \(sequences) / read bandwidth", ratio, atLeast: required)
    report.beside("products and attention at the later of reading and multiply-add peak", roofline)
  }

  /// Seconds that a step needs on this machine: its products, and then its attention, each the time of
  /// reading or of its FLOPs at the peak of the instruction that computes it, whichever is longer.
  private func roof(sequences: Int, secondsPerByte: Double) throws -> Double {
    let backend = engine.backend
    let product =
      backend.weightFormat == .bfloat16
      ? backend.measureBFloat16Peak(seconds: 0.002) : backend.measureFloatPeak(seconds: 0.002)
    let single = backend.measureFloatPeak(seconds: 0.002)
    let flops = FLOPCount(engine.shard.plan)
    let pairs = Double(sequences) * Self.keys
    let parts = [
      (
        Double(engine.shard.weightBytes),
        flops.total(slots: sequences, pairs: 0, headRows: sequences) / product
      ),
      (
        pairs * bytesPerKey, flops.total(slots: 0, pairs: Int(pairs), headRows: 0) / single
      ),
    ]
    return try engine.ranks.slowest(
      parts.reduce(0) { $0 + max($1.0 * secondsPerByte, $1.1 * 1e-9) })
  }

  /// Keys that a sequence has in a step, on average over the steps.
  private static let keys = Double(context) + Double(steps + 1) / 2

  private var bytesPerKey: Double {
    Double(
      engine.shard.plan.kvBytesPerToken(elementBytes: engine.backend.cacheFormat.byteCount))
  }

  /// Bytes that this rank must read in a step, on average over the steps.
  private func stepBytes(sequences: Int) -> Double {
    Double(engine.shard.weightBytes) + Double(sequences) * Self.keys * bytesPerKey
  }
}
