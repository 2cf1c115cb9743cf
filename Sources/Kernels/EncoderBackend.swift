import Tensors

/// A backend that runs encoders too.
public protocol EncoderBackend: Backend {
  /// `y = (z - mean) / sqrt(variance + epsilon) * weight + bias` per row, where z is x, or
  /// x + addend (Ba et al. 2016, arXiv:1607.06450). `y` may be `x` or `addend`.
  func layerNorm(
    _ x: Matrix, adding addend: Matrix?, weight: Storage, bias: Storage, epsilon: Float,
    into y: Matrix)
  /// `x = x (1 + erf(x / sqrt 2)) / 2` in place (Hendrycks and Gimpel 2016, arXiv:1606.08415).
  func gelu(_ x: Matrix)
  /// `x = tanh(x)` in place.
  func tanh(_ x: Matrix)
  /// Attention in both directions within each row; queries, keys, values and out
  /// `[slots, heads * headDimension]`. Only `firstSlot`, `slots`, `real` and `masked` of the rows
  /// count: keys and values are the rows' own slots, none are kept. `out` overlaps nothing.
  func attendBoth(
    queries: Matrix, keys: Matrix, values: Matrix, rows: [AttentionRow], heads: Int,
    scale: Float, into out: Matrix)
}

extension Backend {
  package func checkLayerNorm(
    _ x: Matrix, adding addend: Matrix?, weight: Storage, bias: Storage, into y: Matrix
  ) {
    checkNorm(x, weight: weight, width: x.columns, into: y)
    checkNorm(addend ?? x, weight: bias, width: x.columns, into: y)
  }

  /// Head dimension of queries, keys and values whose shapes and rows fit together.
  package func checkAttendBoth(
    queries: Matrix, keys: Matrix, values: Matrix, rows: [AttentionRow], heads: Int,
    into out: Matrix
  ) -> Int {
    for matrix in [keys, values, out] { checkSameShape(queries, matrix) }
    for row in rows {
      precondition(
        row.firstSlot >= 0 && row.slots >= 0 && row.firstSlot + row.slots <= queries.rows,
        "slots \(row.firstSlot)..<\(row.firstSlot + row.slots) are outside a batch of "
          + "\(queries.rows)")
      precondition(
        row.real.lowerBound >= 0 && row.real.upperBound <= row.slots
          && row.masked.lowerBound >= 0 && row.masked.upperBound <= row.slots,
        "real slots \(row.real) or masked slots \(row.masked) are outside 0..<\(row.slots)")
    }
    return headWidth(queries, heads: heads)
  }
}
