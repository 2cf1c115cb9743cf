import Tensors

/// A weight of the CPU backend: the matrix as it was given.
final class CPULinearWeight: LinearWeight {
  let matrix: Matrix
  let bias: Storage?

  init(matrix: Matrix, bias: Storage?) {
    self.matrix = matrix
    self.bias = bias
  }

  var outputs: Int { matrix.rows }
  var inputs: Int { matrix.columns }
  var bytes: Int { (matrix.count + (bias == nil ? 0 : outputs)) * MemoryLayout<Float>.stride }
}

extension CPUBackend {
  public func makeLinear(_ weight: Matrix, bias: [Float]?) throws -> any LinearWeight {
    try checkLinear(weight, bias: bias)
    if weightFormat == .bfloat16 { return try packed(weight, bias: bias) }
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
    let w = weight.matrix
    let own = x.rows == 1 ? dispatch.ownVectorProduct : x.rows <= dispatch.ownRows
    if own {
      kernels.skinny_linear(
        x.rows, w.rows, w.columns, x.pointer, x.stride, w.pointer, w.stride,
        weight.bias?.pointer, y.pointer, y.stride)
      return
    }
    // The library adds to the bias that is already there.
    if let bias = weight.bias {
      for slot in 0..<y.rows { y.row(slot).update(from: bias.pointer, count: y.columns) }
    }
    let beta: Float = weight.bias == nil ? 0 : 1
    if x.rows == 1 {
      blas.product(
        outputs: w.rows, inputs: w.columns, w: w.pointer, wStride: w.stride, x: x.pointer,
        beta: beta, y: y.pointer)
    } else if x.rows > 1 {
      blas.product(
        rows: x.rows, outputs: w.rows, inputs: w.columns, x: x.pointer, xStride: x.stride,
        w: w.pointer, wStride: w.stride, beta: beta, y: y.pointer, yStride: y.stride)
    }
  }
}
