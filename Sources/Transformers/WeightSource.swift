import Checkpoints
import Kernels
import Statistics

/// Where a shard's weights come from. Every call names the whole tensor and the part of it that is
/// wanted, so that a rank touches no more than its shard and every layout sees the same values. Large
/// matrices are read by several threads at once.
public protocol WeightSource: Sendable {
  /// The block `rows` × `columns` of a matrix of `shape`, written with `rows.count` rows of
  /// `columns.count` contiguous elements.
  func read(
    _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>, columns: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>) throws

  /// A range of a vector (a norm's weights or a bias).
  func read(
    _ name: String, count: Int, range: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>) throws

  /// The same block as random numbers by position, where it is nothing else; a device that can make
  /// them needs no copy.
  func normals(
    _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>, columns: Range<Int>
  ) -> NormalBlock?
  /// The same for a vector from element `first` on.
  func normals(_ name: String, first: Int) -> NormalBlock?
}

extension WeightSource {
  public func normals(
    _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>, columns: Range<Int>
  ) -> NormalBlock? { nil }
  public func normals(_ name: String, first: Int) -> NormalBlock? { nil }
}

/// Weights from safetensors files.
public struct CheckpointWeights: WeightSource {
  let checkpoint: Checkpoint

  public init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  public func read(
    _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>, columns: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    let shape = [shape.rows, shape.columns]
    if columns == 0..<shape[1] {
      try checkpoint.readRows(name, shape: shape, rows: rows, into: destination)
    } else {
      try checkpoint.readBlock(
        name, shape: shape, rows: rows, columns: columns, into: destination)
    }
  }

  public func read(
    _ name: String, count: Int, range: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    try checkpoint.readVector(name, count: count, range: range, into: destination)
  }
}

/// Seeded random weights. An element is a function of seed, tensor name and index alone.
///
/// Matrices are normal with standard deviation 1/√columns, so that every product keeps its scale;
/// the two projections that write to the residual stream are divided by √(2·layers) besides
/// (GPT-2, section 2.3), so that activations stay of order one at any depth. Norm weights are
/// 1 + 0.1·normal and biases 0.1·normal: a kernel that forgets either is found by verification.
public struct RandomWeights: WeightSource {
  let seed: UInt64
  let residualScale: Float

  public init(seed: UInt64, layers: Int) {
    self.seed = seed
    residualScale = 1 / Float(2 * layers).squareRoot()
  }

  public func read(
    _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>, columns: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    let deviation = deviation(name, columns: shape.columns)
    let random = CounterRandom(seed: seed, stream: CounterRandom.stream(named: name))
    if columns == 0..<shape.columns {
      random.fillNormal(
        destination, from: UInt64(rows.lowerBound * shape.columns), standardDeviation: deviation)
      return
    }
    for (index, row) in rows.enumerated() {
      let part = index * columns.count..<(index + 1) * columns.count
      random.fillNormal(
        UnsafeMutableBufferPointer(rebasing: destination[part]),
        from: UInt64(row * shape.columns + columns.lowerBound), standardDeviation: deviation)
    }
  }

  private func deviation(_ name: String, columns: Int) -> Float {
    let deviation = 1 / Float(columns).squareRoot()
    let isResidual = name.hasSuffix("o_proj.weight") || name.hasSuffix("down_proj.weight")
    return isResidual ? deviation * residualScale : deviation
  }

  public func normals(
    _ name: String, shape: (rows: Int, columns: Int), rows: Range<Int>, columns: Range<Int>
  ) -> NormalBlock? {
    NormalBlock(
      seed: seed, stream: CounterRandom.stream(named: name),
      first: UInt64(rows.lowerBound * shape.columns + columns.lowerBound),
      step: UInt64(shape.columns), mean: 0, deviation: deviation(name, columns: shape.columns))
  }

  public func normals(_ name: String, first: Int) -> NormalBlock? {
    NormalBlock(
      seed: seed, stream: CounterRandom.stream(named: name), first: UInt64(first), step: 0,
      mean: name.hasSuffix("bias") ? 0 : 1, deviation: 0.1)
  }

  public func read(
    _ name: String, count: Int, range: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws {
    let random = CounterRandom(seed: seed, stream: CounterRandom.stream(named: name))
    random.fillNormal(
      destination, from: UInt64(range.lowerBound), mean: name.hasSuffix("bias") ? 0 : 1,
      standardDeviation: 0.1)
  }
}
