import Checkpoints
import Models

extension BertCheckpointWeights {
  /// Looks for every tensor that any rank of `model` will read, with its shape, in the headers
  /// alone, under any of the names that it may have.
  /// - Throws: `CheckpointError` naming file and tensor.
  public func check(_ model: ModelConfiguration) throws(CheckpointError) {
    for (name, shape) in Self.tensors(of: model) {
      let stored = stored(name)
      let tensor = try checkpoint.tensor(stored)
      guard tensor.shape == shape else {
        throw CheckpointError(
          .wrongShape, file: checkpoint.directory, tensor: stored,
          "has shape \(tensor.shape), the configuration asks for \(shape)")
      }
    }
  }

  /// Names, without a prefix, and shapes of an encoder's tensors.
  static func tensors(of model: ModelConfiguration) -> [(name: String, shape: [Int])] {
    let hidden = model.hiddenSize
    func dense(_ name: String, _ outputs: Int, _ inputs: Int) -> [(name: String, shape: [Int])] {
      [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])]
    }
    func norm(_ name: String) -> [(name: String, shape: [Int])] {
      [(name + ".weight", [hidden]), (name + ".bias", [hidden])]
    }
    var all: [(name: String, shape: [Int])] = [
      ("embeddings.word_embeddings.weight", [model.vocabularySize, hidden]),
      ("embeddings.position_embeddings.weight", [model.maxPositions, hidden]),
      ("embeddings.token_type_embeddings.weight", [model.encoder?.tokenTypes ?? 0, hidden]),
    ]
    all += norm("embeddings.LayerNorm")
    for layer in 0..<model.layerCount {
      let prefix = "encoder.layer.\(layer)."
      for part in ["query", "key", "value"] {
        all += dense(prefix + "attention.self." + part, model.queryWidth, hidden)
      }
      all += dense(prefix + "attention.output.dense", hidden, model.queryWidth)
      all += norm(prefix + "attention.output.LayerNorm")
      all += dense(prefix + "intermediate.dense", model.feedForwardSize, hidden)
      all += dense(prefix + "output.dense", hidden, model.feedForwardSize)
      all += norm(prefix + "output.LayerNorm")
    }
    if model.encoder?.hasPooler == true { all += dense("pooler.dense", hidden, hidden) }
    if model.encoder?.hasMLMHead == true {
      all += dense("cls.predictions.transform.dense", hidden, hidden)
      all += norm("cls.predictions.transform.LayerNorm")
      all.append(("cls.predictions.bias", [model.vocabularySize]))
    }
    return all
  }
}
