import CKernels
import Tensors

extension CPUBackend {
  public func rmsNorm(_ x: Matrix, weight: Storage, epsilon: Float, into y: Matrix) {
    checkNorm(x, weight: weight, width: x.columns, into: y)
    for slot in 0..<x.rows {
      kernels.rms_norm(y.row(slot), x.row(slot), weight.pointer, x.columns, epsilon)
    }
  }

  public func addRMSNorm(
    _ x: Matrix, residual: Matrix, weight: Storage, epsilon: Float, into y: Matrix
  ) {
    checkSameShape(x, residual)
    checkNorm(x, weight: weight, width: x.columns, into: y)
    for slot in 0..<x.rows {
      kernels.add_rms_norm(
        y.row(slot), residual.row(slot), x.row(slot), weight.pointer, x.columns, epsilon)
    }
  }

  public func add(_ x: Matrix, into y: Matrix) {
    checkSameShape(x, y)
    for slot in 0..<x.rows { kernels.add(y.row(slot), x.row(slot), x.columns) }
  }

  public func headNorm(_ x: Matrix, heads: Int, weight: Storage, epsilon: Float) {
    let width = headWidth(x, heads: heads)
    checkNorm(x, weight: weight, width: width, into: x)
    for slot in 0..<x.rows {
      let row = x.row(slot)
      for head in 0..<heads {
        let start = row + head * width
        kernels.rms_norm(start, start, weight.pointer, width, epsilon)
      }
    }
  }

  public func rotate(_ x: Matrix, heads: Int, positions: [Int32], table: RotaryTable) {
    checkRotate(x, heads: heads, positions: positions, table: table)
    for slot in 0..<x.rows {
      let position = Int(positions[slot])
      kernels.rotate(
        x.row(slot), table.cosines.row(position), table.sines.row(position), heads,
        table.headDimension)
    }
  }

  public func siluMultiply(_ gateUp: Matrix, into y: Matrix) {
    checkSiluMultiply(gateUp, into: y)
    for slot in 0..<y.rows {
      let gate = gateUp.row(slot)
      kernels.silu_multiply(y.row(slot), gate, gate + y.columns, y.columns)
    }
  }

  public func argmax(_ logits: Matrix) -> [(index: Int, value: Float)] {
    checkArgmax(logits)
    return (0..<logits.rows).map { slot in
      let row = logits.row(slot)
      let index = kernels.argmax(row, logits.columns)
      return (index, row[index])
    }
  }
}
