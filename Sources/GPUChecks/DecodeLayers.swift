import GPUKernels
import Glibc
import Kernels
import Tensors

/// A decoder's layers with random weights, and steps that feed one slot of each of some sequences: what
/// an engine's decode step asks a backend for, without messages.
final class DecodeLayers {
  private struct Layer {
    let queryKeyValue, output, gateUp, down: any LinearWeight
    let norms: [Storage]
    let cache: KVCacheView
  }

  private let gpu: GPUBackend
  private let widths: KernelBenchmarks.Widths
  private let sequences: Int
  private let capacity: Int
  private let layers: [Layer]
  private let table: Matrix
  private let rotary: RotaryTable
  private let joint, attention, normed, partial, gateUp, activated: Matrix
  /// The residual, `[sequences, hidden]`: what a step leaves.
  let hidden: Matrix

  private static let tokens = 97

  /// - Parameters:
  ///   - capacity: KV slots of a sequence, a multiple of `blockSlots`.
  ///   - blockSlots: makes the caches pools of blocks.
  init(
    _ gpu: GPUBackend, _ widths: KernelBenchmarks.Widths, layers: Int, sequences: Int,
    capacity: Int, blockSlots: Int? = nil
  ) throws {
    self.gpu = gpu
    self.widths = widths
    self.sequences = sequences
    self.capacity = capacity
    let d = widths.headDimension
    let (queries, kv) = (widths.queryHeads * d, widths.kvHeads * d)
    var stream: UInt64 = 0
    func normal(_ rows: Int, _ columns: Int, mean: Float = 0, _ deviation: Float) throws -> Matrix {
      stream += 1
      return try gpu.filled(rows, columns, stream: stream, mean: mean, deviation: deviation)
    }
    func weight(_ outputs: Int, _ inputs: Int) throws -> any LinearWeight {
      try gpu.makeLinear(
        normal(outputs, inputs, 1 / Float(inputs).squareRoot()), bias: nil)
    }
    let slots = sequences * capacity
    func cached() throws -> Storage {
      let storage = try gpu.allocateCache(slots * kv)
      stream += 1
      gpu.fill(
        Matrix(storage: storage, rows: slots, columns: kv), stream: stream, mean: 0, deviation: 1)
      return storage
    }
    self.layers = try (0..<layers).map { _ in
      Layer(
        queryKeyValue: try weight(queries + 2 * kv, widths.hidden),
        output: try weight(widths.hidden, queries),
        gateUp: try weight(2 * widths.feedForward, widths.hidden),
        down: try weight(widths.hidden, widths.feedForward),
        norms: try (0..<2).map { _ in try normal(1, widths.hidden, mean: 1, 0.1).storage },
        cache: KVCacheView(
          keys: try cached(), values: try cached(), offset: 0, slots: slots,
          kvHeads: widths.kvHeads, headDimension: d,
          blockSlots: blockSlots, format: gpu.cacheFormat))
    }
    table = try normal(Self.tokens, widths.hidden, 1)
    rotary = RotaryTable(
      inverseFrequencies: (0..<d / 2).map { pow(1e4, -2 * Double($0) / Double(d)) },
      maxPositions: capacity)
    func room(_ columns: Int) throws -> Matrix { try gpu.matrix(rows: sequences, columns: columns) }
    joint = try room(queries + 2 * kv)
    attention = try room(queries)
    (normed, partial, hidden) = (
      try room(widths.hidden), try room(widths.hidden), try room(widths.hidden)
    )
    (gateUp, activated) = (try room(2 * widths.feedForward), try room(widths.feedForward))
  }

  /// Asks for a step. Sequences have `context` slots before it, each some fewer than the one before it;
  /// the last has none, as a row that fills up a graph's size.
  func step(context: Int, asGraph: Bool) {
    let contexts = (0..<sequences).map {
      $0 == sequences - 1 && sequences > 1 ? 0 : max(0, context - 5 * $0)
    }
    let tokens = contexts.enumerated().map { Int32(($0.offset * 31 + $0.element) % Self.tokens) }
    let rows = contexts.enumerated().map { row($0.offset, context: $0.element) }
    let d = widths.headDimension
    if asGraph { gpu.beginStep(rows: sequences) }
    gpu.embed(tokens, table: table, firstToken: 0, into: hidden)
    let (queries, kv) = (widths.queryHeads * d, widths.kvHeads * d)
    let parts = (
      joint.columns(0..<queries), joint.columns(queries..<queries + kv),
      joint.columns(queries + kv..<queries + 2 * kv)
    )
    let positions = contexts.map { Int32($0) }
    for (index, layer) in layers.enumerated() {
      if index == 0 {
        gpu.rmsNorm(hidden, weight: layer.norms[0], epsilon: 1e-6, into: normed)
      } else {
        gpu.addRMSNorm(
          partial, residual: hidden, weight: layer.norms[0], epsilon: 1e-6, into: normed)
      }
      gpu.linear(normed, layer.queryKeyValue, into: joint)
      gpu.rotate(parts.0, heads: widths.queryHeads, positions: positions, table: rotary)
      gpu.rotate(parts.1, heads: widths.kvHeads, positions: positions, table: rotary)
      gpu.store(keys: parts.1, values: parts.2, rows: rows, into: layer.cache)
      gpu.attend(
        queries: parts.0, rows: rows, cache: layer.cache, queryHeads: widths.queryHeads,
        scale: 1 / Float(d).squareRoot(), into: attention)
      gpu.linear(attention, layer.output, into: partial)
      gpu.addRMSNorm(
        partial, residual: hidden, weight: layer.norms[1], epsilon: 1e-6, into: normed)
      gpu.linear(normed, layer.gateUp, into: gateUp)
      gpu.siluMultiply(gateUp, into: activated)
      gpu.linear(activated, layer.down, into: partial)
    }
    gpu.add(partial, into: hidden)
    if asGraph { gpu.endStep() }
  }

  private func row(_ sequence: Int, context: Int) -> AttentionRow {
    guard let blockSlots = layers.first?.cache.blockSlots else {
      return AttentionRow(
        firstSlot: sequence, slots: 1, real: 0..<1, context: context, base: sequence * capacity,
        capacity: capacity, masked: 0..<0)
    }
    // Blocks of all sequences by turns, as many as the row has begun.
    let blocks = (0...context / blockSlots).map { Int32($0 * sequences + sequence) }
    return AttentionRow(
      firstSlot: sequence, slots: 1, real: 0..<1, context: context, blocks: blocks,
      blockSlots: blockSlots)
  }
}

extension GPUBackend {
  /// Random normal numbers, made on the device.
  fileprivate func filled(
    _ rows: Int, _ columns: Int, stream: UInt64, mean: Float, deviation: Float
  ) throws -> Matrix {
    let matrix = try matrix(rows: rows, columns: columns)
    fill(matrix, stream: stream, mean: mean, deviation: deviation)
    return matrix
  }

  fileprivate func fill(_ matrix: Matrix, stream: UInt64, mean: Float, deviation: Float) {
    _ = fill(
      matrix,
      NormalBlock(
        seed: 1, stream: stream, first: 0, step: UInt64(matrix.columns), mean: mean,
        deviation: deviation))
  }
}
