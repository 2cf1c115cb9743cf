extension Checkpoint {
  /// Reads `rows` of a 2-D tensor, whole rows, as [rows.count, shape[1]] without gaps.
  ///
  /// `shape` is what the configuration asks for; another one in the file is an error. Only the asked
  /// rows are touched. A range outside the shape or a destination of another size is a caller's bug.
  public func readRows(
    _ name: String, shape: [Int], rows: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    precondition(shape.count == 2, "readRows reads two-dimensional tensors")
    try readBlock(name, shape: shape, rows: rows, columns: 0..<shape[1], into: destination)
  }

  /// Reads `columns` of all rows of a 2-D tensor, as [shape[0], columns.count] without gaps.
  ///
  /// Strided: pages between two rows' parts are not touched unless a row is shorter than a page.
  public func readColumns(
    _ name: String, shape: [Int], columns: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    precondition(shape.count == 2, "readColumns reads two-dimensional tensors")
    try readBlock(name, shape: shape, rows: 0..<shape[0], columns: columns, into: destination)
  }

  /// Reads rows x columns of a 2-D tensor; destination row r starts at `r * rowStride`.
  ///
  /// `rowStride` is `columns.count` unless given. The destination's size must be
  /// `(rows.count - 1) * rowStride + columns.count` or more, and exactly `rows.count * columns.count`
  /// when no stride is given.
  public func readBlock(
    _ name: String, shape: [Int], rows: Range<Int>, columns: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>, rowStride: Int? = nil
  ) throws(CheckpointError) {
    precondition(shape.count == 2, "readBlock reads two-dimensional tensors")
    let location = try location(name, shape: shape)
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= shape[0]
        && columns.lowerBound >= 0 && columns.upperBound <= shape[1],
      "rows \(rows) and columns \(columns) of \(name) must be inside \(shape)")
    let stride = rowStride ?? columns.count
    precondition(stride >= columns.count, "destination rows of \(name) must not overlap")
    let needed =
      rows.isEmpty || columns.isEmpty ? 0 : (rows.count - 1) * stride + columns.count
    precondition(
      rowStride == nil ? destination.count == needed : destination.count >= needed,
      "the destination of \(name) has \(destination.count) elements; \(needed) are read")
    try location.file.read(
      location.tensor, rows: rows, columns: columns, width: shape[1], into: destination,
      rowStride: stride)
  }

  /// Reads elements `range` of a 1-D tensor of `count` elements.
  public func readVector(
    _ name: String, count: Int, range: Range<Int>,
    into destination: UnsafeMutableBufferPointer<Float>
  ) throws(CheckpointError) {
    let location = try location(name, shape: [count])
    precondition(
      range.lowerBound >= 0 && range.upperBound <= count,
      "elements \(range) of \(name) must be inside 0..<\(count)")
    precondition(
      destination.count == range.count,
      "the destination of \(name) has \(destination.count) elements; \(range.count) are read")
    try location.file.read(
      location.tensor, rows: 0..<1, columns: range, width: count, into: destination,
      rowStride: range.count)
  }

  /// All elements of a tensor of any shape, row-major; for references and tests.
  public func floats(_ name: String) throws(CheckpointError) -> [Float] {
    let location = try location(name)
    return try location.file.floats(name)
  }

  private func location(_ name: String, shape: [Int]) throws(CheckpointError) -> Location {
    let location = try location(name)
    guard location.tensor.shape == shape else {
      throw CheckpointError(
        .wrongShape, file: location.file.path, tensor: name,
        "has shape \(location.tensor.shape), the configuration asks for \(shape)")
    }
    return location
  }
}
