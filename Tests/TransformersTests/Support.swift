import Models
import TestSupport

@testable import Transformers

/// One part of a tensor that a shard asked for.
struct Block {
  let name: String
  let rows: Range<Int>
  let columns: Range<Int>
  let shape: [Int]
  let values: [Float]
}

/// Hands another source's values on and keeps what was read. Of small models alone, which one thread
/// loads.
final class RecordingWeights: WeightSource, @unchecked Sendable {
  private let source: any WeightSource
  private(set) var blocks: [Block] = []

  init(_ source: any WeightSource) { self.source = source }

  func read(
    _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>, columns: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    try source.read(name, shape: shape, rows: rows, columns: columns, into: destination)
    blocks.append(
      Block(
        name: name, rows: rows, columns: columns, shape: [shape.rows, shape.columns],
        values: Array(destination)))
  }

  func read(
    _ name: String, count: Int, range: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    try source.read(name, count: count, range: range, into: destination)
    blocks.append(
      Block(
        name: name, rows: 0..<1, columns: range, shape: [count], values: Array(destination)))
  }
}

/// A tensor put together from blocks, and how often each element was there.
struct Assembled {
  private(set) var values: [Float]
  private(set) var copies: [Int]
  let shape: [Int]

  init(shape: [Int]) {
    self.shape = shape
    values = Array(repeating: .nan, count: shape.reduce(1, *))
    copies = Array(repeating: 0, count: values.count)
  }

  /// False when an element that was there before has another value now.
  mutating func add(_ block: Block) -> Bool {
    let width = shape[shape.count - 1]
    var agrees = shape == block.shape
    for (index, row) in block.rows.enumerated() {
      for (offset, column) in block.columns.enumerated() {
        let place = row * width + column
        let value = block.values[index * block.columns.count + offset]
        if copies[place] > 0 && values[place].bitPattern != value.bitPattern { agrees = false }
        values[place] = value
        copies[place] += 1
      }
    }
    return agrees
  }
}

/// Small models that differ in what their checkpoints hold.
enum TinyModel {
  static func make(
    _ family: ModelConfiguration.Family = .llama, layers: Int = 3, hidden: Int = 12,
    queryHeads: Int = 8, kvHeads: Int = 2, headDimension: Int = 4, feedForward: Int = 21,
    vocabulary: Int = 37, tied: Bool = false
  ) throws -> ModelConfiguration {
    try ModelConfiguration(
      name: "tiny", family: family, hiddenSize: hidden, feedForwardSize: feedForward,
      layerCount: layers, queryHeads: queryHeads, kvHeads: kvHeads, headDimension: headDimension,
      vocabularySize: vocabulary, maxPositions: 128, rmsNormEpsilon: 1e-6,
      rope: RotaryEmbedding(theta: 10_000), tiedEmbeddings: tied)
  }

  /// Random shapes of every family, for property tests.
  static func random(_ random: inout SplitMix64) throws -> ModelConfiguration {
    try make(
      .allCases.randomElement(using: &random) ?? .llama, layers: .random(in: 1...5, using: &random),
      hidden: .random(in: 1...19, using: &random),
      queryHeads: 4 * Int.random(in: 1...3, using: &random),
      kvHeads: [1, 2, 4].randomElement(using: &random) ?? 1,
      headDimension: 2 * Int.random(in: 1...4, using: &random),
      feedForward: .random(in: 4...30, using: &random),
      vocabulary: .random(in: 4...50, using: &random), tied: .random(using: &random))
  }
}
