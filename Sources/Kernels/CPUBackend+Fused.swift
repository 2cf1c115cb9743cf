import CKernels
import Tensors

extension CPUBackend {
  public func rmsNorm(_ x: Matrix, weight: Storage, epsilon: Float, into y: Matrix) {
    checkNorm(x, weight: weight, width: x.columns, into: y)
    team.run(rows: x.rows, columns: x.columns) { rows, _ in
      for slot in rows {
        kernels.rms_norm(y.row(slot), x.row(slot), weight.pointer, x.columns, epsilon)
      }
    }
  }

  public func addRMSNorm(
    _ x: Matrix, residual: Matrix, weight: Storage, epsilon: Float, into y: Matrix
  ) {
    checkSameShape(x, residual)
    checkNorm(x, weight: weight, width: x.columns, into: y)
    team.run(rows: x.rows, columns: x.columns) { rows, _ in
      for slot in rows {
        kernels.add_rms_norm(
          y.row(slot), residual.row(slot), x.row(slot), weight.pointer, x.columns, epsilon)
      }
    }
  }

  public func add(_ x: Matrix, into y: Matrix) {
    checkSameShape(x, y)
    team.run(rows: x.rows, columns: x.columns) { rows, _ in
      for slot in rows { kernels.add(y.row(slot), x.row(slot), x.columns) }
    }
  }

  public func headNorm(_ x: Matrix, heads: Int, weight: Storage, epsilon: Float) {
    let width = headWidth(x, heads: heads)
    checkNorm(x, weight: weight, width: width, into: x)
    team.run(rows: x.rows, columns: x.columns) { rows, _ in
      for slot in rows {
        let row = x.row(slot)
        for head in 0..<heads {
          let start = row + head * width
          kernels.rms_norm(start, start, weight.pointer, width, epsilon)
        }
      }
    }
  }

  public func rotate(_ x: Matrix, heads: Int, positions: [Int32], table: RotaryTable) {
    checkRotate(x, heads: heads, positions: positions, table: table)
    team.run(rows: x.rows, columns: x.columns) { rows, _ in
      for slot in rows {
        let position = Int(positions[slot])
        kernels.rotate(
          x.row(slot), table.cosines.row(position), table.sines.row(position), heads,
          table.headDimension)
      }
    }
  }

  public func siluMultiply(_ gateUp: Matrix, into y: Matrix) {
    checkSiluMultiply(gateUp, into: y)
    team.run(rows: y.rows, columns: gateUp.columns) { rows, _ in
      for slot in rows {
        let gate = gateUp.row(slot)
        kernels.silu_multiply(y.row(slot), gate, gate + y.columns, y.columns)
      }
    }
  }

  public func argmax(_ logits: Matrix) -> [(index: Int, value: Float)] {
    checkArgmax(logits)
    return Array(unsafeUninitializedCapacity: logits.rows) { found, count in
      guard let first = found.baseAddress else { return }
      team.run(rows: logits.rows, columns: logits.columns) { rows, _ in
        for slot in rows {
          let row = logits.row(slot)
          let index = kernels.argmax(row, logits.columns)
          (first + slot).initialize(to: (index, row[index]))
        }
      }
      count = logits.rows
    }
  }
}
