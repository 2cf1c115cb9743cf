import Checkpoints
import Models

extension CheckpointWeights {
  /// Looks for every tensor that any rank of `model` will read, with its shape, in the headers
  /// alone: a checkpoint that cannot be loaded is refused before ranks load the rest of it.
  /// - Throws: `CheckpointError` naming file and tensor.
  public func check(_ model: ModelConfiguration) throws(CheckpointError) {
    for (name, shape) in Self.tensors(of: model) {
      let tensor = try checkpoint.tensor(name)
      guard tensor.shape == shape else {
        throw CheckpointError(
          .wrongShape, file: checkpoint.directory, tensor: name,
          "has shape \(tensor.shape), the configuration asks for \(shape)")
      }
    }
  }

  /// Names and shapes of a model's tensors, as Hugging Face writes them.
  package static func tensors(of model: ModelConfiguration) -> [(name: String, shape: [Int])] {
    let hidden = model.hiddenSize
    var all = [
      ("model.embed_tokens.weight", [model.vocabularySize, hidden]),
      ("model.norm.weight", [hidden]),
    ]
    if !model.tiedEmbeddings { all.append(("lm_head.weight", [model.vocabularySize, hidden])) }
    for layer in 0..<model.layerCount {
      let prefix = "model.layers.\(layer)."
      let attention = prefix + "self_attn."
      let feedForward = model.feedForwardSize
      all += [
        (prefix + "input_layernorm.weight", [hidden]),
        (attention + "q_proj.weight", [model.queryWidth, hidden]),
        (attention + "k_proj.weight", [model.kvWidth, hidden]),
        (attention + "v_proj.weight", [model.kvWidth, hidden]),
        (attention + "o_proj.weight", [hidden, model.queryWidth]),
        (prefix + "post_attention_layernorm.weight", [hidden]),
        (prefix + "mlp.gate_proj.weight", [feedForward, hidden]),
        (prefix + "mlp.up_proj.weight", [feedForward, hidden]),
        (prefix + "mlp.down_proj.weight", [hidden, feedForward]),
      ]
      if model.qkvBias {
        all += [
          (attention + "q_proj.bias", [model.queryWidth]),
          (attention + "k_proj.bias", [model.kvWidth]),
          (attention + "v_proj.bias", [model.kvWidth]),
        ]
      }
      if model.queryKeyNorm {
        all += [
          (attention + "q_norm.weight", [model.headDimension]),
          (attention + "k_norm.weight", [model.headDimension]),
        ]
      }
    }
    return all
  }
}
