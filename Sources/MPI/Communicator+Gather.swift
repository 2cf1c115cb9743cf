import CMPI

/// Gathering to one rank, and gathering blocks of uneven size (MPI 3.1, sections 5.5 and 5.7).
extension Communicator {
  /// Everyone's `input` [block] in rank order in the root's `output` [n * block]; other ranks pass
  /// nil for it.
  @inlinable
  public func gather<T: MPIElement>(
    _ input: UnsafeBufferPointer<T>, into output: UnsafeMutableBufferPointer<T>?, root: Int
  ) throws(MPIError) {
    if rank == root {
      precondition(
        output?.count == input.count * size, "the root's output holds one block of each rank")
    }
    try gatherRaw(
      UnsafeRawPointer(input.baseAddress) ?? emptyAddress, output?.baseAddress,
      block: input.count, T.kind, root: root)
  }

  /// The root's side of a gather whose own block already lies in its place in `buffer` [n * block].
  /// The other ranks call `gather(_:into:root:)`.
  @inlinable
  public func gather<T: MPIElement>(
    rootInPlace buffer: UnsafeMutableBufferPointer<T>
  ) throws(MPIError) {
    precondition(buffer.count.isMultiple(of: size), "gather wants one block for each rank")
    try gatherRaw(nil, buffer.baseAddress, block: buffer.count / size, T.kind, root: rank)
  }

  /// Everyone's array, all of the same length, joined in rank order on the root; nil elsewhere.
  @inlinable
  public func gather<T: MPIElement>(_ values: [T], root: Int) throws(MPIError) -> [T]? {
    if rank != root {
      try values.withUnsafeBufferPointer { (input) throws(MPIError) -> Void in
        try gather(input, into: nil, root: root)
      }
      return nil
    }
    return try withUninitialized(values.count * size) {
      (output: UnsafeMutableBufferPointer<T>) throws(MPIError) in
      try values.withUnsafeBufferPointer { (input) throws(MPIError) -> Void in
        try gather(input, into: output, root: root)
      }
    }
  }

  /// Blocks of uneven size: rank r sends `counts[r]` elements, and the root's `output` holds them in
  /// rank order without gaps. `counts` is used on the root only; other ranks pass nil for `output`.
  @inlinable
  public func gather<T: MPIElement>(
    _ input: UnsafeBufferPointer<T>, counts: [Int], into output: UnsafeMutableBufferPointer<T>?,
    root: Int
  ) throws(MPIError) {
    if rank == root {
      precondition(counts.count == size, "gather wants one count for each rank")
      precondition(counts[rank] == input.count, "the root's own count is that of its input")
      precondition(output?.count == counts.reduce(0, +), "the output holds the sum of the counts")
    }
    try gatherUnevenRaw(
      UnsafeRawPointer(input.baseAddress) ?? emptyAddress, input.count, output?.baseAddress,
      counts, T.kind, root: root)
  }

  /// Everyone's array, of any length, on the root, by rank; nil elsewhere. Two gathers.
  @inlinable
  public func gatherArrays<T: MPIElement>(_ values: [T], root: Int) throws(MPIError) -> [[T]]? {
    let lengths = try gather([Int64(values.count)], root: root)
    guard let lengths else {
      try values.withUnsafeBufferPointer { (input) throws(MPIError) -> Void in
        try gather(input, counts: [], into: nil, root: root)
      }
      return nil
    }
    let counts = lengths.map { Int($0) }
    let joined = try withUninitialized(counts.reduce(0, +)) {
      (output: UnsafeMutableBufferPointer<T>) throws(MPIError) in
      try values.withUnsafeBufferPointer { (input) throws(MPIError) -> Void in
        try gather(input, counts: counts, into: output, root: root)
      }
    }
    var offset = 0
    return counts.map { count in
      defer { offset += count }
      return Array(joined[offset..<offset + count])
    }
  }

  /// Blocks of uneven size for everyone: rank r gives `counts[r]` elements; `output` holds the sum.
  @inlinable
  public func allGather<T: MPIElement>(
    _ input: UnsafeBufferPointer<T>, counts: [Int], into output: UnsafeMutableBufferPointer<T>
  ) throws(MPIError) {
    precondition(counts.count == size, "all-gather wants one count for each rank")
    precondition(counts[rank] == input.count, "a rank's own count is that of its input")
    precondition(output.count == counts.reduce(0, +), "the output holds the sum of the counts")
    try allGatherUnevenRaw(
      UnsafeRawPointer(input.baseAddress) ?? emptyAddress, input.count, output.baseAddress,
      counts, T.kind)
  }

  /// Uneven blocks where each rank's own already lies in its place in `buffer`.
  @inlinable
  public func allGather<T: MPIElement>(
    inPlace buffer: UnsafeMutableBufferPointer<T>, counts: [Int]
  ) throws(MPIError) {
    precondition(counts.count == size, "all-gather wants one count for each rank")
    precondition(buffer.count == counts.reduce(0, +), "the buffer holds the sum of the counts")
    try allGatherUnevenRaw(nil, 0, buffer.baseAddress, counts, T.kind)
  }

  // MARK: Untyped calls

  @usableFromInline
  func gatherRaw(
    _ input: UnsafeRawPointer?, _ output: UnsafeMutableRawPointer?, block: Int,
    _ kind: ElementKind, root: Int
  ) throws(MPIError) {
    let to = try member(root, "MPI_Gather")
    let n = try elements(block * size, "MPI_Gather") / CInt(truncatingIfNeeded: size)
    let start = begin(
      .gather, bytes: (rank == root ? block * size : block) * kind.byteCount, peer: root)
    let stamp = try stampCollective(.gather, (rank == root ? block * size : block) * kind.byteCount)
    try check(
      cmpi_gather(input, address(output), n, kind.rawValue, to, handle), "MPI_Gather", self,
      peer: root)
    try stamp?.finish(cmpi_envelope())
    end(start, .gather, kind, count: rank == root ? block * size : block, peer: root)
  }

  @usableFromInline
  func gatherUnevenRaw(
    _ input: UnsafeRawPointer?, _ inputCount: Int, _ output: UnsafeMutableRawPointer?,
    _ counts: [Int], _ kind: ElementKind, root: Int
  ) throws(MPIError) {
    let to = try member(root, "MPI_Gatherv")
    let n = try elements(inputCount, "MPI_Gatherv")
    let total = rank == root ? counts.reduce(0, +) : inputCount
    _ = try elements(total, "MPI_Gatherv")
    let start = begin(.gather, bytes: total * kind.byteCount, peer: root)
    let stamp = try stampCollective(.gather, total * kind.byteCount)
    let code = withLayout(rank == root ? counts : []) { sizes, offsets in
      cmpi_gatherv(input, n, address(output), sizes, offsets, kind.rawValue, to, handle)
    }
    try check(code, "MPI_Gatherv", self, peer: root)
    try stamp?.finish(cmpi_envelope())
    end(start, .gather, kind, count: total, peer: root)
  }

  @usableFromInline
  func allGatherUnevenRaw(
    _ input: UnsafeRawPointer?, _ inputCount: Int, _ output: UnsafeMutableRawPointer?,
    _ counts: [Int], _ kind: ElementKind
  ) throws(MPIError) {
    let n = try elements(inputCount, "MPI_Allgatherv")
    let total = counts.reduce(0, +)
    _ = try elements(total, "MPI_Allgatherv")
    let start = begin(.allGather, bytes: total * kind.byteCount)
    let stamp = try stampCollective(.allGather, total * kind.byteCount)
    let code = withLayout(counts) { sizes, offsets in
      cmpi_allgatherv(input, n, address(output), sizes, offsets, kind.rawValue, handle)
    }
    try check(code, "MPI_Allgatherv", self)
    try stamp?.finish(cmpi_envelope())
    end(start, .allGather, kind, count: total)
  }

  /// Counts and offsets as MPI's ints, on the stack; the total was checked to fit.
  private func withLayout(
    _ counts: [Int], _ body: (UnsafePointer<CInt>?, UnsafePointer<CInt>?) -> CInt
  ) -> CInt {
    withUnsafeTemporaryAllocation(of: CInt.self, capacity: max(1, counts.count * 2)) { room in
      let offsets = counts.count
      var sum = 0
      for (rank, count) in counts.enumerated() {
        room[rank] = CInt(truncatingIfNeeded: count)
        room[offsets + rank] = CInt(truncatingIfNeeded: sum)
        sum += count
      }
      let first = room.baseAddress
      return body(UnsafePointer(first), UnsafePointer(first.map { $0 + offsets }))
    }
  }
}
