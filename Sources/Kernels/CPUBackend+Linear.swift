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
    try checkLinear(weight, bias: bias)
    if packsWeights && weight.columns > 0 { return try packed(weight, bias: bias) }
    guard let bias else { return CPULinearWeight(matrix: weight, bias: nil) }
    let storage = try allocate(bias.count)
    for (index, value) in bias.enumerated() { storage.pointer[index] = value }
    return CPULinearWeight(matrix: weight, bias: storage)
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
    team.run(parts.count) { part, _ in
      let (rows, outputs) = parts[part]
      guard !rows.isEmpty && !outputs.isEmpty else { return }
      multiply(x, weight, rows: rows, outputs: outputs, own: own, into: y)
    }
  }

  private func multiply(
    _ x: Matrix, _ weight: CPULinearWeight, rows: Range<Int>, outputs: Range<Int>, own: Bool,
    into y: Matrix
  ) {
    let w = weight.matrix
    let (from, panel) = (x.row(rows.lowerBound), w.row(outputs.lowerBound))
    let bias = weight.bias.map { $0.pointer + outputs.lowerBound }
    let target = y.row(rows.lowerBound) + outputs.lowerBound
    if own {
      kernels.skinny_linear(
        rows.count, outputs.count, w.columns, from, x.stride, panel, w.stride, bias, target,
        y.stride)
      return
    }
    // The library adds to the bias that is already there.
    if let bias {
      for slot in 0..<rows.count {
        (target + slot * y.stride).update(from: bias, count: outputs.count)
      }
    }
    let beta: Float = bias == nil ? 0 : 1
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
}
