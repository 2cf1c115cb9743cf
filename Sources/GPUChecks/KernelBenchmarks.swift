import GPUKernels
import Kernels
import Tensors

/// Times the kernels at the shapes of one model's shard, against what the same card does at its best:
/// a large product and a copy of memory, measured in the same run.
public struct KernelBenchmarks {
  public struct Line: Sendable {
    public let name: String
    public let value: Double
    public let unit: String
    /// Of the ceiling; nil for a ceiling.
    public let fraction: Double?
    /// What is aimed for; nil where nothing is.
    public let target: Double?
  }

  /// Widths of a decoder's layer on one rank.
  public struct Widths: Sendable {
    public let hidden, feedForward, queryHeads, kvHeads, headDimension: Int

    public init(hidden: Int, feedForward: Int, queryHeads: Int, kvHeads: Int, headDimension: Int) {
      self.hidden = hidden
      self.feedForward = feedForward
      self.queryHeads = queryHeads
      self.kvHeads = kvHeads
      self.headDimension = headDimension
    }
  }

  private let gpu: GPUBackend
  /// Elements of a side of the large product, and of the copied memory.
  private let side: Int
  private let copied: Int
  public private(set) var lines: [Line] = []
  public private(set) var productRate = 0.0
  public private(set) var copyRate = 0.0

  /// - Parameter isLarge: sizes that load a card; small ones only show that everything runs.
  public init(_ gpu: GPUBackend, isLarge: Bool) {
    self.gpu = gpu
    side = isLarge ? 8192 : 32
    copied = isLarge ? 512 << 20 : 1 << 10
  }

  /// TFLOP/s of a large product of random matrices, and bytes per second read and written by a copy.
  public mutating func measureCeilings() throws {
    let seconds = try secondsOfProduct(rows: side, inputs: side, outputs: side)
    productRate = 2 * Double(side) * Double(side) * Double(side) / seconds
    add("product \(side) x \(side) x \(side)", productRate * 1e-12, "TFLOP/s")
    let (from, to) = (
      try gpu.matrix(rows: 1, columns: copied), try gpu.matrix(rows: 1, columns: copied)
    )
    let copySeconds = self.seconds(rounds: 8) { gpu.copy(from, into: to) }
    copyRate = 2 * Double(copied * gpu.activationFormat.byteCount) / copySeconds
    add("copy, read and written", copyRate * 1e-9, "GB/s")
  }

  public mutating func run(_ widths: Widths, rows: Int, context: Int, sequences: Int) throws {
    let d = widths.headDimension
    let shapes = [
      ("query, key, value", widths.hidden, (widths.queryHeads + 2 * widths.kvHeads) * d),
      ("attention output", widths.queryHeads * d, widths.hidden),
      ("gate and up", widths.hidden, 2 * widths.feedForward),
      ("down", widths.feedForward, widths.hidden),
    ]
    for (name, inputs, outputs) in shapes {
      let seconds = try secondsOfProduct(rows: rows, inputs: inputs, outputs: outputs)
      let rate = 2 * Double(rows) * Double(inputs) * Double(outputs) / seconds
      add(
        "\(name), \(rows) x \(inputs) x \(outputs)", rate * 1e-12, "TFLOP/s",
        fraction: rate / productRate, target: 0.85)
    }
    try prefill(widths, length: context, rows: max(1, rows / context))
    try decode(widths, context: context, sequences: sequences)
    try norm(widths, rows: rows)
  }

  private mutating func prefill(_ widths: Widths, length: Int, rows: Int) throws {
    let d = widths.headDimension
    let (cache, batch) = try cache(widths, rows: rows, slots: length, context: 0)
    let queries = try random(rows * length, widths.queryHeads * d)
    let out = try gpu.matrix(rows: rows * length, columns: widths.queryHeads * d)
    let seconds = self.seconds(rounds: 8) {
      gpu.attend(
        queries: queries, rows: batch, cache: cache, queryHeads: widths.queryHeads, scale: 0.1,
        into: out)
    }
    let pairs = Double(rows) * Double(length) * Double(length + 1) / 2
    let rate = 4 * pairs * Double(widths.queryHeads * d) / seconds
    add(
      "prefill attention, \(rows) x \(length), head dimension \(d)", rate * 1e-12, "TFLOP/s",
      fraction: rate / productRate, target: 0.5)
  }

  private mutating func decode(_ widths: Widths, context: Int, sequences: Int) throws {
    let d = widths.headDimension
    let (cache, batch) = try cache(widths, rows: sequences, slots: 1, context: context - 1)
    let queries = try random(sequences, widths.queryHeads * d)
    let out = try gpu.matrix(rows: sequences, columns: widths.queryHeads * d)
    let seconds = self.seconds(rounds: 32) {
      gpu.attend(
        queries: queries, rows: batch, cache: cache, queryHeads: widths.queryHeads, scale: 0.1,
        into: out)
    }
    let bytes =
      2 * Double(sequences * context * widths.kvHeads * d * gpu.activationFormat.byteCount)
    add(
      "decode attention, \(sequences) sequences of \(context)", bytes / seconds * 1e-9, "GB/s",
      fraction: bytes / seconds / copyRate, target: 0.8)
  }

  private mutating func norm(_ widths: Widths, rows: Int) throws {
    let (x, residual) = (try random(rows, widths.hidden), try random(rows, widths.hidden))
    let y = try gpu.matrix(rows: rows, columns: widths.hidden)
    let weight = try random(1, widths.hidden).storage
    let seconds = self.seconds(rounds: 32) {
      gpu.addRMSNorm(x, residual: residual, weight: weight, epsilon: 1e-6, into: y)
    }
    let bytes = 4 * Double(x.count * gpu.activationFormat.byteCount)
    add(
      "residual and RMSNorm, \(rows) x \(widths.hidden)", bytes / seconds * 1e-9, "GB/s",
      fraction: bytes / seconds / copyRate)
  }

  private func cache(
    _ widths: Widths, rows: Int, slots: Int, context: Int
  ) throws -> (KVCacheView, [AttentionRow]) {
    let capacity = slots + context
    let elements = rows * capacity * widths.kvHeads * widths.headDimension
    let (keys, values) = (
      try random(1, elements).storage, try random(1, elements).storage
    )
    let cache = KVCacheView(
      keys: keys, values: values, offset: 0, slots: rows * capacity, kvHeads: widths.kvHeads,
      headDimension: widths.headDimension, format: keys.format)
    let batch = (0..<rows).map {
      AttentionRow(
        firstSlot: $0 * slots, slots: slots, real: 0..<slots, context: context,
        base: $0 * capacity, capacity: capacity, masked: 0..<0)
    }
    return (cache, batch)
  }

  private func random(_ rows: Int, _ columns: Int) throws -> Matrix {
    let matrix = try gpu.matrix(rows: rows, columns: columns)
    _ = gpu.fill(
      matrix,
      NormalBlock(
        seed: 1, stream: UInt64(matrix.count), first: 0, step: UInt64(columns), mean: 0,
        deviation: 1))
    return matrix
  }

  private func secondsOfProduct(rows: Int, inputs: Int, outputs: Int) throws -> Double {
    let x = try random(rows, inputs)
    let weight = try gpu.makeLinear(random(outputs, inputs), bias: nil)
    let y = try gpu.matrix(rows: rows, columns: outputs)
    return seconds(rounds: 16) { gpu.linear(x, weight, into: y) }
  }

  /// Seconds of one call on the stream: the best of five samples of `rounds` calls, after a warm-up.
  private func seconds(rounds: Int, _ body: () -> Void) -> Double {
    body()
    var best = Double.infinity
    for _ in 0..<5 {
      let start = gpu.deviceNanoseconds ?? 0
      for _ in 0..<rounds { body() }
      let end = gpu.deviceNanoseconds ?? 0
      best = min(best, Double(end - start) * 1e-9 / Double(rounds))
    }
    return max(best, 1e-9)
  }

  mutating func add(
    _ name: String, _ value: Double, _ unit: String, fraction: Double? = nil,
    target: Double? = nil
  ) {
    lines.append(
      Line(name: name, value: value, unit: unit, fraction: fraction, target: target))
  }
}
