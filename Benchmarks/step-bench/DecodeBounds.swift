import Inference
import Kernels
import Models
import Tensors

/// Memory that bandwidth is measured on.
struct ReadMemory {
  /// It has to exceed the caches.
  static let bytes = 256 << 20

  private let engine: Engine
  private let memory: Matrix

  init(_ engine: Engine) throws {
    self.engine = engine
    memory = try engine.backend.matrix(rows: 1, columns: Self.bytes / 4)
    // Untouched pages would all be one page of zeros.
    memory.pointer.update(repeating: 1, count: memory.count)
  }

  /// Seconds for a byte where all ranks read at once, of the slowest.
  func secondsPerByte(reads: Int) throws -> Double {
    var sink: Float = 0
    let seconds = try engine.ranks.seconds {
      for _ in 0..<reads { sink += engine.backend.readStreams(memory) }
    }
    precondition(sink > 0, "the memory was read")
    return seconds / Double(reads * Self.bytes)
  }
}

/// What a decode step of some sequences needs on this machine at least, on average over the steps.
struct DecodeBounds {
  private let engine: Engine
  private let sequences: Int
  /// Keys that a sequence has in a step.
  private let keys: Double

  /// - Parameter context: tokens of each sequence before the first of `steps` steps.
  init(_ engine: Engine, sequences: Int, context: Int, steps: Int) {
    self.engine = engine
    self.sequences = sequences
    keys = Double(context) + Double(steps + 1) / 2
  }

  /// Bytes that this rank must read: its weights, and keys and values of the sequences.
  var stepBytes: Double {
    Double(engine.shard.weightBytes) + Double(sequences) * keys * bytesPerKey
  }

  /// Seconds of its products, and then its attention, each the time of reading or of its FLOPs at the
  /// peak of the instruction that computes it, whichever is longer.
  func roof(secondsPerByte: Double) throws -> Double {
    let backend = engine.backend
    let product =
      backend.weightFormat == .bfloat16
      ? backend.measureBFloat16Peak(seconds: 0.002) : backend.measureFloatPeak(seconds: 0.002)
    let attention = backend.measureAttentionPeak(seconds: 0.002)
    let flops = FLOPCount(engine.shard.plan)
    let pairs = Double(sequences) * keys
    let parts = [
      (
        Double(engine.shard.weightBytes),
        flops.total(slots: sequences, pairs: 0, headRows: sequences) / product
      ),
      (
        pairs * bytesPerKey, flops.total(slots: 0, pairs: Int(pairs), headRows: 0) / attention
      ),
    ]
    return try engine.ranks.slowest(
      parts.reduce(0) { $0 + max($1.0 * secondsPerByte, $1.1 * 1e-9) })
  }

  private var bytesPerKey: Double {
    Double(
      engine.shard.plan.kvBytesPerToken(elementBytes: engine.backend.cacheFormat.byteCount))
  }
}
