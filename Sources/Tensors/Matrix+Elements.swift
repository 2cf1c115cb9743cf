extension Matrix {
  /// One element; host memory only, for tests and other places that need no speed.
  public subscript(row: Int, column: Int) -> Float {
    get {
      precondition(column >= 0 && column < columns, "column \(column) is outside 0..<\(columns)")
      return self.row(row)[column]
    }
    nonmutating set {
      precondition(column >= 0 && column < columns, "column \(column) is outside 0..<\(columns)")
      self.row(row)[column] = newValue
    }
  }

  /// Lends the elements as one buffer; contiguous matrices only. Elements in staged memory are
  /// copied to the host before, and back after, as far as `access` needs it.
  ///
  /// The buffer must not be kept: nothing else keeps the storage alive.
  public func withMutableBuffer<R, E: Error>(
    _ access: ElementAccess = .readWrite,
    _ body: (UnsafeMutableBufferPointer<Float>) throws(E) -> R
  ) throws(E) -> R {
    precondition(isContiguous, "a strided view is not one buffer")
    defer { withExtendedLifetime(storage) {} }
    if let staging = storage.staging, count > 0 {
      let host = staging.hostStorage(count)
      if access.reads { staging.copy(self, toHost: host.pointer) }
      defer {
        if access.writes { staging.copy(fromHost: host.pointer, to: self) }
      }
      return try body(UnsafeMutableBufferPointer(start: host.pointer, count: count))
    }
    return try body(UnsafeMutableBufferPointer(start: pointer, count: count))
  }

  /// The elements row by row, copied; host memory only.
  public func array() -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      for row in 0..<rows {
        for column in 0..<columns {
          buffer[row * columns + column] = self[row, column]
        }
      }
      initialized = count
    }
  }
}
