extension Matrix {
  /// The given rows, all columns.
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) are outside 0..<\(rows)")
    return Matrix(
      storage: storage, offset: range.isEmpty ? offset : offset + range.lowerBound * stride,
      rows: range.count, columns: columns, stride: stride)
  }

  /// The given columns of every row.
  public func columns(_ range: Range<Int>) -> Matrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= columns,
      "columns \(range) are outside 0..<\(columns)")
    return Matrix(
      storage: storage, offset: offset + range.lowerBound, rows: rows, columns: range.count,
      stride: stride)
  }

  /// The same elements in another shape; contiguous matrices only.
  public func reshaped(rows: Int, columns: Int) -> Matrix {
    precondition(isContiguous, "a strided view cannot be reshaped")
    precondition(
      rows * columns == count,
      "[\(self.rows), \(self.columns)] cannot be reshaped to [\(rows), \(columns)]")
    return Matrix(storage: storage, offset: offset, rows: rows, columns: columns)
  }
}
