import Kernels
import Models
import TestSupport
import Testing

@testable import Transformers

/// Weights of all ranks of a layout, put together again.
@Suite struct ShardWeightsTests {
  /// Every tensor that the ranks of a layout read, assembled.
  private func assemble(
    _ model: ModelConfiguration, _ layout: ParallelLayout, seed: UInt64
  ) throws -> [String: Assembled] {
    var tensors: [String: Assembled] = [:]
    for rank in 0..<layout.tensor * layout.pipeline {
      let plan = try ShardPlan(model: model, layout: layout, rank: rank)
      let source = RecordingWeights(RandomWeights(seed: seed, layers: model.layerCount))
      _ = try ShardWeights(plan, source: source, backend: ReferenceBackend())
      let elements = source.blocks.reduce(0) { $0 + $1.values.count }
      #expect(elements == plan.parameterCount, "\(layout) rank \(rank) of \(model)")
      for block in source.blocks {
        var tensor = tensors[block.name] ?? Assembled(shape: block.shape)
        let agrees = tensor.add(block)
        #expect(agrees, "\(layout): ranks disagree about \(block.name) of \(model)")
        tensors[block.name] = tensor
      }
    }
    return tensors
  }

  /// How many ranks of a layout hold each element of a tensor.
  private func copies(
    _ name: String, _ model: ModelConfiguration, _ layout: ParallelLayout
  ) -> Int {
    if name.contains("k_proj") || name.contains("v_proj") {
      return max(1, layout.tensor / model.kvHeads)
    }
    if name.contains("norm") { return layout.tensor }
    let tiedCopy = name.contains("embed") && model.tiedEmbeddings && layout.pipeline > 1
    return tiedCopy ? 2 : 1
  }

  @Test(
    "The shards of every layout reassembled are the whole, element by element", arguments: 0..<40)
  func everyLayoutHasTheSameWeights(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let model = try TinyModel.random(&random)
    let whole = try assemble(model, .single, seed: seed)
    let names = CheckpointWeights.tensors(of: model)
    #expect(Set(whole.keys) == Set(names.map(\.name)))
    for (name, shape) in names { #expect(whole[name]?.shape == shape, "\(name)") }
    for tensor in [1, 2, 4] {
      let stages = Int.random(in: 1...model.layerCount, using: &random)
      let layout = try ParallelLayout(tensor: tensor, pipeline: stages)
      let parts = try assemble(model, layout, seed: seed)
      #expect(Set(parts.keys) == Set(whole.keys))
      for (name, part) in parts {
        #expect(
          part.values.map(\.bitPattern) == whole[name]?.values.map(\.bitPattern),
          "\(name) under \(layout) of \(model)")
        let wanted = copies(name, model, layout)
        #expect(part.copies.allSatisfy { $0 == wanted }, "\(name) under \(layout) of \(model)")
      }
    }
  }

  @Test("Eight ranks share two KV heads: each head is held by four of them")
  func replicatedKVHeads() throws {
    let model = try TinyModel.make(.qwen2, kvHeads: 2)
    let layout = try ParallelLayout(tensor: 8)
    let parts = try assemble(model, layout, seed: 3)
    for suffix in ["k_proj.weight", "k_proj.bias", "v_proj.weight", "v_proj.bias"] {
      let part = try #require(parts["model.layers.1.self_attn." + suffix])
      #expect(part.copies.allSatisfy { $0 == 4 }, "\(suffix)")
    }
    let plans = try (0..<8).map { try ShardPlan(model: model, layout: layout, rank: $0) }
    #expect(plans.map(\.kvHeads.lowerBound) == [0, 0, 0, 0, 1, 1, 1, 1])
  }

  @Test func anotherSeedOrTensorHasOtherValues() throws {
    func values(seed: UInt64, _ name: String) throws -> [Float] {
      var out = [Float](repeating: 0, count: 64)
      try out.withUnsafeMutableBufferPointer {
        try RandomWeights(seed: seed, layers: 2).read(
          name, shape: (8, 8), rows: 0..<8, columns: 0..<8, into: $0)
      }
      return out
    }
    let first = try values(seed: 1, "a.weight")
    #expect(try values(seed: 1, "a.weight") == first)
    #expect(try values(seed: 2, "a.weight") != first)
    #expect(try values(seed: 1, "b.weight") != first)
  }

  @Test("Matrices have the deviation that keeps the scale of products, norms lie around one")
  func moments() throws {
    let source = RandomWeights(seed: 7, layers: 8)
    func moments(_ name: String, rows: Int, columns: Int) throws -> (mean: Float, deviation: Float)
    {
      var out = [Float](repeating: 0, count: rows * columns)
      try out.withUnsafeMutableBufferPointer {
        if rows == 1 {
          try source.read(name, count: columns, range: 0..<columns, into: $0)
        } else {
          try source.read(
            name, shape: (rows, columns), rows: 0..<rows, columns: 0..<columns, into: $0)
        }
      }
      let mean = out.reduce(0, +) / Float(out.count)
      let square = out.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(out.count)
      return (mean, square.squareRoot())
    }
    let matrix = try moments("model.layers.0.self_attn.q_proj.weight", rows: 128, columns: 64)
    #expect(abs(matrix.mean) < 0.01 && abs(matrix.deviation / 0.125 - 1) < 0.05)
    let residual = try moments("model.layers.0.mlp.down_proj.weight", rows: 128, columns: 64)
    #expect(abs(residual.deviation / (0.125 / 4) - 1) < 0.05)
    let norm = try moments("model.norm.weight", rows: 1, columns: 8192)
    #expect(abs(norm.mean - 1) < 0.01 && abs(norm.deviation / 0.1 - 1) < 0.05)
    let bias = try moments("model.layers.0.self_attn.q_proj.bias", rows: 1, columns: 8192)
    #expect(abs(bias.mean) < 0.01 && abs(bias.deviation / 0.1 - 1) < 0.05)
  }
}
