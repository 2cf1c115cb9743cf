import Models
import Transformers

/// One tensor's values changed.
struct Fault: CustomStringConvertible {
  /// Part of the tensor's name.
  let tensor: String
  let factor: Float

  var description: String { "\(tensor) times \(factor)" }

  /// One fault for each kind of tensor, small where verification has to be sharp.
  static func all(_ model: ModelConfiguration) -> [Fault] {
    // The last layer: the last rank holds some of it under every layout.
    let layer = "layers.\(model.layerCount - 1)."
    var names = [
      layer + "self_attn.v_proj.weight", layer + "self_attn.o_proj.weight",
      layer + "mlp.gate_proj.weight", layer + "mlp.up_proj.weight",
      layer + "mlp.down_proj.weight", layer + "input_layernorm.weight",
      layer + "post_attention_layernorm.weight", "model.norm.weight", "lm_head.weight",
    ]
    if model.qkvBias {
      names += [layer + "self_attn.q_proj.bias", layer + "self_attn.v_proj.bias"]
    }
    // A norm of q and k takes the scale of their projections away again.
    names +=
      (model.queryKeyNorm ? ["q_norm", "k_norm"] : ["q_proj", "k_proj"])
      .map { layer + "self_attn.\($0).weight" }
    return names.map { Fault(tensor: $0, factor: 1.01) }
  }
}

/// Weights of which one tensor is wrong on some rank. Of small models, which one thread loads.
final class FaultyWeights: WeightSource, @unchecked Sendable {
  private let sound: any WeightSource
  private let fault: Fault
  private let isFaulty: Bool
  /// Elements changed.
  private(set) var touched = 0

  init(_ sound: any WeightSource, fault: Fault, isFaulty: Bool) {
    self.sound = sound
    self.fault = fault
    self.isFaulty = isFaulty
  }

  func read(
    _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>, columns: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    try sound.read(name, shape: shape, rows: rows, columns: columns, into: destination)
    spoil(name, destination)
  }

  func read(
    _ name: String, count: Int, range: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    try sound.read(name, count: count, range: range, into: destination)
    spoil(name, destination)
  }

  private func spoil(_ name: String, _ values: UnsafeMutableBufferPointer<Float>) {
    guard isFaulty, name.hasSuffix(fault.tensor) else { return }
    for index in values.indices { values[index] *= fault.factor }
    touched += values.count
  }
}
