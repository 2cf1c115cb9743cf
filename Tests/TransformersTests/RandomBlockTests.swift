import Kernels
import Statistics
import Testing
import Transformers

/// What a device is told to make is what the host would have read.
@Suite struct RandomBlockTests {
  private let weights = RandomWeights(seed: 11, layers: 5)

  /// The block's numbers, made as `NormalBlock` says they are.
  private func made(_ block: NormalBlock, rows: Int, columns: Int) -> [Float] {
    let random = CounterRandom(seed: block.seed, stream: block.stream)
    return (0..<rows).flatMap { row in
      (0..<columns).map { column in
        let index = block.first + UInt64(row) * block.step + UInt64(column)
        return block.mean + block.deviation * random.normalFloat(at: index)
      }
    }
  }

  @Test(arguments: ["model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.down_proj.weight"])
  func `a block of a matrix`(name: String) throws {
    var read = [Float](repeating: 0, count: 12)
    try read.withUnsafeMutableBufferPointer {
      try weights.read(name, shape: (9, 10), rows: 2..<5, columns: 3..<7, into: $0)
    }
    let block = try #require(
      weights.normals(name, shape: (9, 10), rows: 2..<5, columns: 3..<7))
    #expect(made(block, rows: 3, columns: 4) == read)
  }

  @Test(arguments: ["model.norm.weight", "model.layers.0.self_attn.q_proj.bias"])
  func `a vector`(name: String) throws {
    var read = [Float](repeating: 0, count: 6)
    try read.withUnsafeMutableBufferPointer {
      try weights.read(name, count: 20, range: 4..<10, into: $0)
    }
    let block = try #require(weights.normals(name, first: 4))
    #expect(made(block, rows: 1, columns: 6) == read)
  }
}
