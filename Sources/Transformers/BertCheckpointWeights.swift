import Checkpoints

/// Weights of a BERT from safetensors files, under the names that files on the hub use.
///
/// A model with a head has the encoder's tensors under `bert.`; files converted from TensorFlow
/// call a LayerNorm's weight and bias `gamma` and `beta`; the MLM bias is `cls.predictions.bias`
/// or `cls.predictions.decoder.bias`. Tensors that are not asked for (`position_ids`) stay unread.
public struct BertCheckpointWeights: WeightSource {
  let checkpoint: Checkpoint
  private let plain: CheckpointWeights

  public init(_ checkpoint: Checkpoint) {
    self.checkpoint = checkpoint
    plain = CheckpointWeights(checkpoint)
  }

  /// The name under which the file has a tensor; `name` itself, for the error, when it has none.
  func stored(_ name: String) -> String {
    var spellings = [name]
    if name.hasSuffix("LayerNorm.weight") {
      spellings.append(String(name.dropLast("weight".count)) + "gamma")
    } else if name.hasSuffix("LayerNorm.bias") {
      spellings.append(String(name.dropLast("bias".count)) + "beta")
    } else if name == "cls.predictions.bias" {
      spellings.append("cls.predictions.decoder.bias")
    }
    return (spellings + spellings.map { "bert." + $0 }).first(where: checkpoint.contains) ?? name
  }

  public func read(
    _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>, columns: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    try plain.read(stored(name), shape: shape, rows: rows, columns: columns, into: destination)
  }

  public func read(
    _ name: String, count: Int, range: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    try plain.read(stored(name), count: count, range: range, into: destination)
  }
}
