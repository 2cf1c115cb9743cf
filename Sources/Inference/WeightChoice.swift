import Checkpoints
import Models
import Records
import Transformers

/// The weights that a job names: a checkpoint's, or seeded random ones.
struct WeightChoice {
  private let checkpoint: Checkpoint?
  private let seed: UInt64
  /// For provenance: no path of the machine.
  let name: String

  init(_ resolved: ResolvedJob) throws {
    seed = resolved.job.seed
    guard resolved.job.model.kind == .checkpoint else {
      checkpoint = nil
      name = "random, seed \(seed)"
      return
    }
    let path = resolved.job.model.value
    checkpoint = try Checkpoint(directory: path)
    name = path.split(separator: "/").last.map(String.init) ?? path
  }

  func weights(for model: ModelConfiguration) -> any WeightSource {
    if let checkpoint {
      return model.isEncoder ? BertCheckpointWeights(checkpoint) : CheckpointWeights(checkpoint)
    }
    return RandomWeights(seed: seed, layers: model.layerCount)
  }
}
