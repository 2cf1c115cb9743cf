/// A row-major float32 view `[rows, columns]`; row `r` starts at element `offset + r * stride`.
///
/// A matrix shares its storage: copies and slices see the same elements, and writing through one
/// is seen by all. Making a slice is O(1) and allocates nothing.
public struct Matrix: @unchecked Sendable {
  public let storage: Storage
  /// Element of the storage where row 0 starts.
  public let offset: Int
  public let rows: Int
  public let columns: Int
  /// Elements between the starts of neighbouring rows; at least `columns`.
  public let stride: Int

  /// A zero-filled matrix with storage of its own.
  public init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "a matrix cannot have shape [\(rows), \(columns)]")
    self.init(storage: Storage(count: rows * columns), rows: rows, columns: columns)
  }

  /// A view of existing storage; traps when it does not fit.
  public init(
    storage: Storage, offset: Int = 0, rows: Int, columns: Int, stride: Int? = nil
  ) {
    let stride = stride ?? columns
    precondition(rows >= 0 && columns >= 0, "a matrix cannot have shape [\(rows), \(columns)]")
    precondition(
      stride >= columns, "rows of \(columns) columns overlap at a stride of \(stride)")
    let end = rows == 0 ? offset : offset + (rows - 1) * stride + columns
    precondition(
      offset >= 0 && end <= storage.count,
      "elements \(offset)..<\(end) are outside a storage of \(storage.count)")
    self.storage = storage
    self.offset = offset
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  /// A contiguous matrix with the given elements, row by row.
  public init(rows: Int, columns: Int, values: [Float]) {
    precondition(
      values.count == rows * columns,
      "\(values.count) values do not fill a matrix [\(rows), \(columns)]")
    self.init(rows: rows, columns: columns)
    for (index, value) in values.enumerated() { pointer[index] = value }
  }

  /// Elements of the view.
  public var count: Int { rows * columns }

  /// Whether the rows follow each other without gaps.
  public var isContiguous: Bool { stride == columns || rows <= 1 }

  /// The first element. Valid as long as `storage` lives.
  public var pointer: UnsafeMutablePointer<Float> { storage.pointer + offset }

  /// The first element of one row.
  public func row(_ row: Int) -> UnsafeMutablePointer<Float> {
    precondition(row >= 0 && row < rows, "row \(row) is outside 0..<\(rows)")
    return storage.pointer + (offset + row * stride)
  }
}
