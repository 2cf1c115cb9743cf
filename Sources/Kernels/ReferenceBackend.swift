import Tensors

/// Plain loops in Swift with double accumulation: slow, obvious, and what the others are held to.
///
/// In bfloat16 it computes with rounded values, which it keeps as floats.
public final class ReferenceBackend: HostBackend {
  public let provenance = BackendProvenance(
    name: "reference", instructionSet: "swift",
    notes: ["plain loops, double accumulation; for checks, not for timing"])
  public let weightFormat: StorageFormat
  public let cacheFormat: StorageFormat

  public init(weights: StorageFormat = .float32, cache: StorageFormat = .float32) {
    weightFormat = weights
    cacheFormat = cache
  }

  private final class Weight: ReadableWeight {
    let matrix: Matrix
    let bias: [Float]?
    let format: StorageFormat
    init(matrix: Matrix, bias: [Float]?, format: StorageFormat) {
      self.matrix = matrix
      self.bias = bias
      self.format = format
    }
    var outputs: Int { matrix.rows }
    var inputs: Int { matrix.columns }
    var bytes: Int { matrix.count * format.byteCount + (bias?.count ?? 0) * 4 }

    func copyRow(_ index: Int, to target: UnsafeMutablePointer<Float>) {
      target.update(from: matrix.row(index), count: inputs)
    }
  }

  public func makeLinear(_ weight: Matrix, bias: [Float]?) throws -> any LinearWeight {
    try checkLinear(outputs: weight.rows, inputs: weight.columns, bias: bias)
    guard weightFormat == .bfloat16 else {
      return Weight(matrix: weight, bias: bias, format: .float32)
    }
    let rounded = try matrix(rows: weight.rows, columns: weight.columns)
    for row in 0..<weight.rows { round(weight.row(row), weight.columns, into: rounded.row(row)) }
    return Weight(matrix: rounded, bias: bias, format: .bfloat16)
  }

  private func round(
    _ x: UnsafePointer<Float>, _ count: Int, into y: UnsafeMutablePointer<Float>
  ) {
    for index in 0..<count { y[index] = BFloat16Bits(rounding: x[index]).widened }
  }

  public func linear(_ x: Matrix, _ weight: any LinearWeight, into y: Matrix) {
    guard let weight = weight as? Weight else {
      preconditionFailure("the weight was made by another backend")
    }
    checkLinear(x, weight, into: y)
    let rounded = Storage(count: x.columns)
    for slot in 0..<x.rows {
      let input = weightFormat == .bfloat16 ? rounded.pointer : x.row(slot)
      if weightFormat == .bfloat16 { round(x.row(slot), x.columns, into: rounded.pointer) }
      let output = y.row(slot)
      for column in 0..<weight.outputs {
        output[column] = Float(
          dot(input, weight.matrix.row(column), weight.inputs)
            + Double(weight.bias?[column] ?? 0))
      }
    }
  }

  public func rmsNorm(_ x: Matrix, weight: Storage, epsilon: Float, into y: Matrix) {
    checkNorm(x, weight: weight, width: x.columns, into: y)
    for slot in 0..<x.rows {
      normalize(x.row(slot), weight.pointer, x.columns, epsilon, into: y.row(slot))
    }
  }

  public func addRMSNorm(
    _ x: Matrix, residual: Matrix, weight: Storage, epsilon: Float, into y: Matrix
  ) {
    add(x, into: residual)
    rmsNorm(residual, weight: weight, epsilon: epsilon, into: y)
  }

  public func add(_ x: Matrix, into y: Matrix) {
    checkSameShape(x, y)
    for slot in 0..<x.rows {
      for column in 0..<x.columns { y.row(slot)[column] += x.row(slot)[column] }
    }
  }

  public func headNorm(_ x: Matrix, heads: Int, weight: Storage, epsilon: Float) {
    let width = headWidth(x, heads: heads)
    checkNorm(x, weight: weight, width: width, into: x)
    for slot in 0..<x.rows {
      for head in 0..<heads {
        let start = x.row(slot) + head * width
        normalize(start, weight.pointer, width, epsilon, into: start)
      }
    }
  }

  public func rotate(_ x: Matrix, heads: Int, positions: [Int32], table: RotaryTable) {
    checkRotate(x, heads: heads, positions: positions, table: table)
    let half = table.headDimension / 2
    for slot in 0..<x.rows {
      let cosines = table.cosines.row(Int(positions[slot]))
      let sines = table.sines.row(Int(positions[slot]))
      for head in 0..<heads {
        let first = x.row(slot) + head * 2 * half
        let second = first + half
        for index in 0..<half {
          let (a, b) = (Double(first[index]), Double(second[index]))
          let (c, s) = (Double(cosines[index]), Double(sines[index]))
          first[index] = Float(a * c - b * s)
          second[index] = Float(b * c + a * s)
        }
      }
    }
  }

  public func siluMultiply(_ gateUp: Matrix, into y: Matrix) {
    checkSiluMultiply(gateUp, into: y)
    for slot in 0..<y.rows {
      let gate = gateUp.row(slot)
      let up = gate + y.columns
      for column in 0..<y.columns {
        let value = Double(gate[column])
        y.row(slot)[column] = Float(value / (1 + exponential(-value)) * Double(up[column]))
      }
    }
  }

  public func argmax(_ logits: Matrix) -> [(index: Int, value: Float)] {
    checkArgmax(logits)
    return (0..<logits.rows).map { slot in
      let row = logits.row(slot)
      var best = (index: 0, value: row[0])
      for column in 1..<max(1, logits.columns) where row[column] > best.value {
        best = (column, row[column])
      }
      return best
    }
  }

  private func normalize(
    _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ width: Int, _ epsilon: Float,
    into y: UnsafeMutablePointer<Float>
  ) {
    let scale = 1 / (dot(x, x, width) / Double(width) + Double(epsilon)).squareRoot()
    for index in 0..<width { y[index] = Float(Double(x[index]) * scale * Double(weight[index])) }
  }
}
