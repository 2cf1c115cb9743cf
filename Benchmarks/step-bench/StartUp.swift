import Checkpoints
import Inference
import MPI
import Models
import Tensors
import Transformers

/// A checkpoint of about a gigabyte, and the first token that a process makes of it
/// (`scripts/bench-startup`).
enum StartUp {
  /// qwen2.5-0.5b whole: 988 MB in bfloat16.
  static func model() throws -> ModelConfiguration { try .preset("qwen2.5-0.5b") }

  /// Writes `folder`/model.safetensors with random weights.
  static func write(to folder: String) throws {
    let model = try model()
    let source = RandomWeights(seed: Engine.seed, layers: model.layerCount)
    var writer = SafetensorsWriter()
    for (name, shape) in CheckpointWeights.tensors(of: model) {
      var values = [Float](repeating: 0, count: shape.reduce(1, *))
      try values.withUnsafeMutableBufferPointer {
        guard shape.count == 2 else {
          return try source.read(name, count: $0.count, range: 0..<$0.count, into: $0)
        }
        try source.read(
          name, shape: (shape[0], shape[1]), rows: 0..<shape[0], columns: 0..<shape[1], into: $0)
      }
      writer.add(name, shape: shape, bfloat16: values.map { BFloat16Bits(rounding: $0) })
    }
    try writer.write(to: folder + "/model.safetensors")
  }

  /// Loads the checkpoint and runs a prompt of eight tokens; prints milliseconds of either.
  static func firstToken(of folder: String, ranks: Ranks) throws {
    let start = MonotonicClock.nanoseconds()
    let source = CheckpointWeights(try Checkpoint(directory: folder))
    let engine = try Engine(model: model(), ranks: ranks, source: source)
    let loaded = MonotonicClock.nanoseconds()
    _ = try engine.run(engine.batch(.packed, lengths: [8], outputs: 1))
    let end = MonotonicClock.nanoseconds()
    guard ranks.isRoot else { return }
    StandardStream.output.line(
      "\(fixed(Double(loaded - start) * 1e-6)) \(fixed(Double(end - loaded) * 1e-6))")
  }
}
