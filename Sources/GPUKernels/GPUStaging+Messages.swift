import Tensors

/// Elements in the format in which they travel, and copies that overlap with what the host does.
extension GPUStaging: DeviceMessages {
  func messageStorage(_ count: Int, _ format: StorageFormat) throws -> Storage {
    let bytes = max(count, 1) * format.byteCount
    let address = try memory.allocate(bytes: bytes)
    let memory = memory
    return storage(at: address, count, format) { memory.release(address, bytes: bytes) }
  }

  func wire(_ matrix: Matrix, _ format: StorageFormat, room: Int) -> Matrix {
    precondition(matrix.isContiguous, "a message is one block")
    if matrix.storage.format == format { return matrix }
    let address = rooms[room].reserve(matrix.count * format.byteCount)
    // The room lives as long as its staging, which the storage holds.
    return Matrix(
      storage: storage(at: address, matrix.count, format) {},
      rows: matrix.rows, columns: matrix.columns)
  }

  func convert(_ source: Matrix, into target: Matrix) {
    precondition(source.count == target.count, "as many elements on both sides")
    if source.rawAddress == target.rawAddress { return }
    untimed {
      let formats = (source.storage.format, target.storage.format)
      if formats.0 == formats.1 {
        return context.copy(
          source.address, to: target.address, bytes: source.count * formats.0.byteCount)
      }
      // Rows enough for many blocks, whatever the shape.
      let width = 1024
      for (range, columns) in [
        (0..<source.count / width * width, width),
        (source.count / width * width..<source.count, source.count % width),
      ] where !range.isEmpty {
        convert(source.elements(range), into: target.elements(range), columns: columns)
      }
    }
  }

  private func convert(_ source: Matrix, into target: Matrix, columns: Int) {
    let name = source.storage.format == .float32 ? "narrow_bf16" : "widen_bf16"
    arguments.begin().address(target.address).long(columns).address(source.address).long(columns)
      .int(columns)
    context.launch(
      kernels.function(name), grid: (source.count / columns, 1, 1), threads: 256, sharedBytes: 0,
      arguments)
  }

  func settle() { context.synchronize() }

  func startCopy(_ source: Matrix, toHost target: UnsafeMutableRawPointer, ticket: Int) {
    context.download(
      source.address, to: target, bytes: source.count * source.storage.format.byteCount)
    context.issue(ticket: ticket)
  }

  func finish(ticket: Int) { context.finish(ticket: ticket) }

  func startCopy(fromHost source: UnsafeRawPointer, to target: Matrix) {
    context.upload(
      source, to: target.address, bytes: target.count * target.storage.format.byteCount)
  }

  private func storage(
    at address: UInt64, _ count: Int, _ format: StorageFormat,
    release: @escaping @Sendable () -> Void
  ) -> Storage {
    guard let pointer = UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
      context.stop("the driver gave address 0")
    }
    return Storage(
      count: count, address: pointer, format: format, staging: self, release: release)
  }
}
