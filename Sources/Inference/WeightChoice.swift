import Checkpoints
import Models
import Records
import Transformers

/// The weights that a job names: a checkpoint's, or seeded random ones.
struct WeightChoice {
  private let checkpoint: Checkpoint?
  private let seed: UInt64
  init(_ resolved: ResolvedJob) throws {
    seed = resolved.job.seed
    guard resolved.job.model.kind == .checkpoint else {
      checkpoint = nil
      return
    }
    let checkpoint = try Checkpoint(directory: resolved.job.model.value)
    if resolved.model.isEncoder {
      try BertCheckpointWeights(checkpoint).check(resolved.model)
    } else {
      try CheckpointWeights(checkpoint).check(resolved.model)
    }
    self.checkpoint = checkpoint
  }

  /// Weights of a job in words, for provenance: no path of the machine.
  static func name(_ resolved: ResolvedJob) -> String {
    let source = resolved.job.model
    guard source.kind == .checkpoint else { return "random, seed \(resolved.job.seed)" }
    return source.value.split(separator: "/").last.map(String.init) ?? source.value
  }

  func weights(for model: ModelConfiguration) -> any WeightSource {
    if let checkpoint {
      return model.isEncoder ? BertCheckpointWeights(checkpoint) : CheckpointWeights(checkpoint)
    }
    return RandomWeights(seed: seed, layers: model.layerCount)
  }
}
