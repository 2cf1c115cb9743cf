import CMPI

/// Blocking operations of all ranks together (MPI 3.1, chapter 5). Each rank calls them in the same
/// order with matching counts; n is the communicator's size.
extension Communicator {
  /// Waits until all ranks are here.
  public func barrier() throws(MPIError) {
    let start = begin(.barrier, bytes: 0)
    let stamp = try stampCollective(.barrier, 0)
    try check(cmpi_barrier(handle), "MPI_Barrier", self)
    try stamp?.finish(cmpi_envelope())
    end(start, .barrier, .uint8, count: 0)
  }

  /// Copies the root's buffer into everyone's; the counts are equal on all ranks.
  @inlinable
  public func broadcast<T: MPIElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, root: Int
  ) throws(MPIError) {
    try broadcastRaw(
      buffer.baseAddress, buffer.count, MemoryLayout<T>.stride, T.kind, root: root)
  }

  /// Copies the root's array into everyone's, all of the same length.
  @inlinable
  public func broadcast<T: MPIElement>(_ values: inout [T], root: Int) throws(MPIError) {
    try values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) -> Void in
      try broadcast(buffer, root: root)
    }
  }

  /// The root's array on every rank, of a length only the root knows: two broadcasts. What other
  /// ranks pass is ignored.
  @inlinable
  public func broadcastArray<T: MPIElement>(_ values: [T], root: Int) throws(MPIError) -> [T] {
    var length = [Int64(values.count)]
    try broadcast(&length, root: root)
    if rank == root {
      var mine = values
      try broadcast(&mine, root: root)
      return mine
    }
    return try withUninitialized(Int(length[0])) {
      (buffer: UnsafeMutableBufferPointer<T>) throws(MPIError) in
      try broadcast(buffer, root: root)
    }
  }

  /// Replaces each element by the combination of all ranks' elements at its place.
  @inlinable
  public func allReduce<T: MPIElement>(
    inPlace buffer: UnsafeMutableBufferPointer<T>, _ operation: ReduceOperation = .sum
  ) throws(MPIError) {
    try allReduceRaw(
      nil, buffer.baseAddress, buffer.count, MemoryLayout<T>.stride, T.kind, operation)
  }

  /// Replaces each element of the array by the combination of all ranks' elements at its place.
  @inlinable
  public func allReduce<T: MPIElement>(
    inPlace values: inout [T], _ operation: ReduceOperation = .sum
  ) throws(MPIError) {
    try values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) -> Void in
      try allReduce(inPlace: buffer, operation)
    }
  }

  /// Combines all ranks' `input` into everyone's `output`, of the same count; no overlap.
  @inlinable
  public func allReduce<T: MPIElement>(
    _ input: UnsafeBufferPointer<T>, into output: UnsafeMutableBufferPointer<T>,
    _ operation: ReduceOperation = .sum
  ) throws(MPIError) {
    precondition(input.count == output.count, "all-reduce wants input and output of equal count")
    // An empty input without an address must not read as "in place".
    try allReduceRaw(
      UnsafeRawPointer(input.baseAddress) ?? emptyAddress, output.baseAddress, output.count,
      MemoryLayout<T>.stride, T.kind, operation)
  }

  /// Combines all ranks' `input` [n * block] and leaves block r on rank r, in `output` [block].
  @inlinable
  public func reduceScatter<T: MPIElement>(
    _ input: UnsafeBufferPointer<T>, into output: UnsafeMutableBufferPointer<T>,
    _ operation: ReduceOperation = .sum
  ) throws(MPIError) {
    precondition(
      input.count == output.count * size, "reduce-scatter wants an input of one block for each rank"
    )
    try reduceScatterRaw(
      UnsafeRawPointer(input.baseAddress) ?? emptyAddress, output.baseAddress,
      block: output.count, T.kind, operation)
  }

  /// Combines all ranks' `buffer` [n * block] and leaves block r at the *front* of rank r's buffer
  /// (MPI 3.1, section 5.10.1); the rest of the buffer is undefined afterwards.
  @inlinable
  public func reduceScatter<T: MPIElement>(
    inPlace buffer: UnsafeMutableBufferPointer<T>, _ operation: ReduceOperation = .sum
  ) throws(MPIError) {
    precondition(
      buffer.count.isMultiple(of: size), "reduce-scatter wants one block for each rank")
    try reduceScatterRaw(
      nil, buffer.baseAddress, block: buffer.count / size, T.kind, operation)
  }

  /// Everyone's `input` [block] in rank order in everyone's `output` [n * block].
  @inlinable
  public func allGather<T: MPIElement>(
    _ input: UnsafeBufferPointer<T>, into output: UnsafeMutableBufferPointer<T>
  ) throws(MPIError) {
    precondition(
      output.count == input.count * size, "all-gather wants room for one block of each rank")
    try allGatherRaw(
      UnsafeRawPointer(input.baseAddress) ?? emptyAddress, output.baseAddress,
      block: input.count, T.kind)
  }

  /// Block r of `buffer` [n * block] is rank r's own before, everyone's afterwards.
  @inlinable
  public func allGather<T: MPIElement>(
    inPlace buffer: UnsafeMutableBufferPointer<T>
  ) throws(MPIError) {
    precondition(buffer.count.isMultiple(of: size), "all-gather wants one block for each rank")
    try allGatherRaw(nil, buffer.baseAddress, block: buffer.count / size, T.kind)
  }

  /// Everyone's array, all of the same length, joined in rank order.
  @inlinable
  public func allGather<T: MPIElement>(_ values: [T]) throws(MPIError) -> [T] {
    try withUninitialized(values.count * size) {
      (output: UnsafeMutableBufferPointer<T>) throws(MPIError) in
      try values.withUnsafeBufferPointer { (input) throws(MPIError) -> Void in
        try allGather(input, into: output)
      }
    }
  }

  // MARK: Untyped calls

  @usableFromInline var emptyAddress: UnsafeRawPointer { address(nil as UnsafeRawPointer?) }

  @usableFromInline
  func broadcastRaw(
    _ data: UnsafeMutableRawPointer?, _ count: Int, _ stride: Int, _ kind: ElementKind, root: Int
  ) throws(MPIError) {
    let from = try member(root, "MPI_Bcast")
    let start = begin(.broadcast, bytes: count * kind.byteCount, peer: root)
    let stamp = try stampCollective(.broadcast, count * kind.byteCount)
    var done = 0
    repeat {
      let part = min(count - done, countLimit)
      try check(
        cmpi_bcast(
          address(data) + done * stride, CInt(truncatingIfNeeded: part), kind.rawValue, from,
          handle),
        "MPI_Bcast", self, peer: root)
      done += part
    } while done < count
    try stamp?.finish(cmpi_envelope())
    end(start, .broadcast, kind, count: count, peer: root)
  }

  @usableFromInline
  func allReduceRaw(
    _ input: UnsafeRawPointer?, _ output: UnsafeMutableRawPointer?, _ count: Int, _ stride: Int,
    _ kind: ElementKind, _ operation: ReduceOperation
  ) throws(MPIError) {
    let start = begin(.allReduce, bytes: count * kind.byteCount)
    let stamp = try stampCollective(.allReduce, count * kind.byteCount)
    var done = 0
    repeat {
      let part = min(count - done, countLimit)
      try check(
        cmpi_allreduce(
          input.map { $0 + done * stride }, address(output) + done * stride,
          CInt(truncatingIfNeeded: part), kind.rawValue, operation.rawValue, handle),
        "MPI_Allreduce", self)
      done += part
    } while done < count
    try stamp?.finish(cmpi_envelope())
    end(start, .allReduce, kind, count: count)
  }

  @usableFromInline
  func reduceScatterRaw(
    _ input: UnsafeRawPointer?, _ output: UnsafeMutableRawPointer?, block: Int,
    _ kind: ElementKind, _ operation: ReduceOperation
  ) throws(MPIError) {
    let n = try elements(block * size, "MPI_Reduce_scatter_block") / CInt(truncatingIfNeeded: size)
    let start = begin(.reduceScatter, bytes: (block * size) * kind.byteCount)
    let stamp = try stampCollective(.reduceScatter, (block * size) * kind.byteCount)
    try check(
      cmpi_reduce_scatter_block(
        input, address(output), n, kind.rawValue, operation.rawValue, handle),
      "MPI_Reduce_scatter_block", self)
    try stamp?.finish(cmpi_envelope())
    end(start, .reduceScatter, kind, count: block * size)
  }

  @usableFromInline
  func allGatherRaw(
    _ input: UnsafeRawPointer?, _ output: UnsafeMutableRawPointer?, block: Int, _ kind: ElementKind
  ) throws(MPIError) {
    let n = try elements(block * size, "MPI_Allgather") / CInt(truncatingIfNeeded: size)
    let start = begin(.allGather, bytes: (block * size) * kind.byteCount)
    let stamp = try stampCollective(.allGather, (block * size) * kind.byteCount)
    try check(
      cmpi_allgather(input, address(output), n, kind.rawValue, handle), "MPI_Allgather", self)
    try stamp?.finish(cmpi_envelope())
    end(start, .allGather, kind, count: block * size)
  }
}
