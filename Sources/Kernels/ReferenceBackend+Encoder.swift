import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

extension ReferenceBackend: EncoderBackend {
  public func layerNorm(
    _ x: Matrix, adding addend: Matrix?, weight: Storage, bias: Storage, epsilon: Float,
    into y: Matrix
  ) {
    checkLayerNorm(x, adding: addend, weight: weight, bias: bias, into: y)
    for slot in 0..<x.rows {
      let sums = (0..<x.columns).map {
        Double(x.row(slot)[$0]) + Double(addend?.row(slot)[$0] ?? 0)
      }
      let mean = sums.reduce(0, +) / Double(x.columns)
      let variance = sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.columns)
      let scale = 1 / (variance + Double(epsilon)).squareRoot()
      for (column, value) in sums.enumerated() {
        y.row(slot)[column] = Float(
          (value - mean) * scale * Double(weight.pointer[column]) + Double(bias.pointer[column]))
      }
    }
  }

  public func gelu(_ x: Matrix) {
    each(x) { $0 * erfc(-$0 / 2.0.squareRoot()) / 2 }
  }

  public func tanh(_ x: Matrix) {
    each(x) { value in
      let e = exponential(-2 * abs(value))
      return (value < 0 ? -1 : 1) * (1 - e) / (1 + e)
    }
  }

  public func attendBoth(
    queries: Matrix, keys: Matrix, values: Matrix, rows: [AttentionRow], heads: Int,
    scale: Float, into out: Matrix
  ) {
    let width = checkAttendBoth(
      queries: queries, keys: keys, values: values, rows: rows, heads: heads, into: out)
    for row in rows {
      for slot in 0..<row.slots {
        for head in 0..<heads {
          let column = head * width
          let query = queries.row(row.firstSlot + slot) + column
          let scores = (0..<row.slots).map { other in
            let score = dot(query, keys.row(row.firstSlot + other) + column, width) * Double(scale)
            return row.real.contains(slot) && row.masked.contains(other)
              ? -Double.infinity : score
          }
          let largest = scores.max() ?? 0
          let weights = scores.map { $0 == -Double.infinity ? 0 : exponential($0 - largest) }
          let sum = weights.reduce(0, +)
          for index in 0..<width {
            var total = 0.0
            for (other, weight) in weights.enumerated() {
              total += weight * Double(values.row(row.firstSlot + other)[column + index])
            }
            out.row(row.firstSlot + slot)[column + index] = sum > 0 ? Float(total / sum) : 0
          }
        }
      }
    }
  }

  private func each(_ x: Matrix, _ body: (Double) -> Double) {
    for slot in 0..<x.rows {
      let row = x.row(slot)
      for column in 0..<x.columns { row[column] = Float(body(Double(row[column]))) }
    }
  }
}
