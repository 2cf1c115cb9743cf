import Tensors

/// A weight of the CPU backend: the matrix as it was given.
final class CPULinearWeight: ReadableWeight {
  let matrix: Matrix
  let bias: Storage?

  init(matrix: Matrix, bias: Storage?) {
    self.matrix = matrix
    self.bias = bias
  }

  var outputs: Int { matrix.rows }
  var inputs: Int { matrix.columns }
  var bytes: Int { (matrix.count + (bias == nil ? 0 : outputs)) * MemoryLayout<Float>.stride }

  func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>) {
    target.update(from: matrix.row(index), count: inputs)
  }
}

extension CPUBackend {
  public func makeLinear(_ weight: Matrix, bias: [Float]?) throws -> any LinearWeight {
    try checkLinear(outputs: weight.rows, inputs: weight.columns, bias: bias)
    if packsWeights && weight.columns > 0 { return try packed(weight, bias: bias) }
    return CPULinearWeight(matrix: weight, bias: try stored(bias))
  }

  func stored(_ bias: [Float]?) throws -> Storage? {
    guard let bias else { return nil }
    let storage = try allocate(bias.count)
    for (index, value) in bias.enumerated() { storage.pointer[index] = value }
    return storage
  }

  public func linear(_ x: Matrix, _ weight: any LinearWeight, into y: Matrix) {
    if let weight = weight as? PackedWeight { return linear(x, weight, into: y) }
    guard let weight = weight as? CPULinearWeight else {
      preconditionFailure("the weight was made by another backend")
    }
    checkLinear(x, weight, into: y)
    guard x.rows > 0 else { return }
    let own = x.rows == 1 ? dispatch.ownVectorProduct : x.rows <= dispatch.ownRows
    let parts = ProductParts(rows: x.rows, outputs: weight.outputs, threads: team.threads)
    team.run(parts) { rows, outputs, _ in
      multiply(x, weight, rows: rows, outputs: outputs, own: own, into: y)
    }
  }

  private func multiply(
    _ x: Matrix, _ weight: CPULinearWeight, rows: Range<Int>, outputs: Range<Int>, own: Bool,
    into y: Matrix
  ) {
    let w = weight.matrix
    let (from, panel) = (x.row(rows.lowerBound), w.row(outputs.lowerBound))
    let bias = weight.bias.map { UnsafePointer($0.pointer + outputs.lowerBound) }
    let target = y.row(rows.lowerBound) + outputs.lowerBound
    if own {
      kernels.skinny_linear(
        rows.count, outputs.count, w.columns, from, x.stride, panel, w.stride, bias, target,
        y.stride)
      return
    }
    let beta = CPUBackend.begin(
      target, stride: y.stride, rows: rows.count, with: bias, outputs: outputs.count)
    if x.rows == 1 {
      blas.product(
        outputs: outputs.count, inputs: w.columns, w: panel, wStride: w.stride, x: from,
        beta: beta, y: target)
      return
    }
    blas.product(
      rows: rows.count, outputs: outputs.count, inputs: w.columns, x: from, xStride: x.stride,
      w: panel, wStride: w.stride, beta: beta, y: target, yStride: y.stride)
  }

  /// Puts the bias where the library adds to it.
  /// - Returns: beta of its product.
  static func begin(
    _ y: UnsafeMutablePointer<Float>, stride: Int, rows: Int, with bias: UnsafePointer<Float>?,
    outputs: Int
  ) -> Float {
    guard let bias else { return 0 }
    for slot in 0..<rows { (y + slot * stride).update(from: bias, count: outputs) }
    return 1
  }
}
