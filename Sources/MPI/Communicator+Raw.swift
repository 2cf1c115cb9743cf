import CMPI

/// Messages of elements whose type is known at run time, in memory that may be a device's, and
/// operations that another library carries out between the same ranks. Ledger and clock see each as
/// one call of its kind, however many parts it has.
extension Communicator {
  /// Sums all ranks' elements in place, `part` of them at a time; all ranks pass the same numbers.
  /// - Parameters:
  ///   - ready: returns once MPI may use some elements.
  ///   - done: is told of each part once it is summed.
  package func allReduce(
    inPlace data: UnsafeMutableRawPointer, count: Int, _ kind: ElementKind, part: Int,
    ready: (Range<Int>) -> Void = { _ in }, done: (Range<Int>) -> Void = { _ in }
  ) throws(MPIError) {
    let start = begin(.allReduce, bytes: count * kind.byteCount)
    let stamp = try stampCollective(.allReduce, count * kind.byteCount)
    for part in parts(of: count, part) {
      ready(part)
      try check(
        cmpi_allreduce(
          nil, data + part.lowerBound * kind.byteCount, CInt(truncatingIfNeeded: part.count),
          kind.rawValue, ReduceOperation.sum.rawValue, handle), "MPI_Allreduce", self)
      done(part)
    }
    try stamp?.finish(cmpi_envelope())
    end(start, .allReduce, kind, count: count)
  }

  /// As `reduceScatter(_:into:)`.
  package func reduceScatter(
    _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, block: Int, _ kind: ElementKind
  ) throws(MPIError) {
    try reduceScatterRaw(input, output, block: block, kind, .sum)
  }

  /// As `allGather(inPlace:)`.
  package func allGather(
    inPlace data: UnsafeMutableRawPointer, block: Int, _ kind: ElementKind
  ) throws(MPIError) {
    try allGatherRaw(nil, data, block: block, kind)
  }

  /// As `allGather(inPlace:counts:)`.
  package func allGather(
    inPlace data: UnsafeMutableRawPointer, counts: [Int], _ kind: ElementKind
  ) throws(MPIError) {
    try allGatherUnevenRaw(nil, 0, data, counts, kind)
  }

  /// As `gather(_:counts:into:root:)`.
  package func gather(
    _ input: UnsafeRawPointer, count: Int, counts: [Int], into output: UnsafeMutableRawPointer?,
    _ kind: ElementKind, root: Int
  ) throws(MPIError) {
    try gatherUnevenRaw(input, count, output, counts, kind, root: root)
  }

  /// Starts sending elements as one message to the ledger, and to MPI as messages of `part`.
  /// - Parameter ready: returns once MPI may read some elements.
  package func startSend(
    _ data: UnsafeRawPointer, count: Int, _ kind: ElementKind, part: Int, to peer: Int, tag: Int,
    ready: (Range<Int>) -> Void = { _ in }
  ) throws(MPIError) -> PartedRequest {
    let to = try member(peer, "MPI_Isend")
    let start = begin(.startSend, bytes: count * kind.byteCount, peer: peer, blocks: false)
    let stamp = try stampSend(count * kind.byteCount, to: peer, tag: tag)
    var started: [(part: Range<Int>, handle: cmpi_request)] = []
    for part in parts(of: count, part) {
      ready(part)
      var request = cmpi_request_null()
      try check(
        cmpi_isend(
          data + part.lowerBound * kind.byteCount, CInt(truncatingIfNeeded: part.count),
          kind.rawValue, to, CInt(clamping: tag), handle, &request), "MPI_Isend", self, peer: peer)
      started.append((part, request))
    }
    end(start, .startSend, kind, count: count, peer: peer)
    return PartedRequest(
      kind, self, peer: peer, bytes: count * kind.byteCount, isReceive: false, stamp, started)
  }

  /// Posts the receive of what `startSend` sends in such parts.
  package func startReceive(
    into data: UnsafeMutableRawPointer, count: Int, _ kind: ElementKind, part: Int, from peer: Int,
    tag: Int
  ) throws(MPIError) -> PartedRequest {
    let from = try member(peer, "MPI_Irecv")
    let start = begin(.startReceive, bytes: count * kind.byteCount, peer: peer, blocks: false)
    let stamp = try stampReceive(from: peer, tag: tag)
    var started: [(part: Range<Int>, handle: cmpi_request)] = []
    for part in parts(of: count, part) {
      var request = cmpi_request_null()
      try check(
        cmpi_irecv(
          data + part.lowerBound * kind.byteCount, CInt(truncatingIfNeeded: part.count),
          kind.rawValue, from, mpiTag(tag), handle, &request), "MPI_Irecv", self, peer: peer)
      started.append((part, request))
    }
    end(start, .startReceive, kind, count: count, peer: peer)
    return PartedRequest(
      kind, self, peer: peer, bytes: count * kind.byteCount, isReceive: true, stamp, started)
  }

  /// Records a collective that `body` carries out by other means; on return it is done.
  package func carry(
    _ operation: TrafficOperation, _ kind: ElementKind, count: Int, _ body: () -> Void
  ) throws(MPIError) {
    let start = begin(operation, bytes: count * kind.byteCount)
    let stamp = try stampCollective(operation, count * kind.byteCount)
    body()
    try stamp?.finish(cmpi_envelope())
    end(start, operation, kind, count: count)
  }

  /// Records the start of a send that `body` starts by other means; it ends in the request's wait.
  package func carrySend(
    _ kind: ElementKind, count: Int, to peer: Int, tag: Int, _ body: () -> Void
  ) throws(MPIError) -> PartedRequest {
    let start = begin(.startSend, bytes: count * kind.byteCount, peer: peer, blocks: false)
    let stamp = try stampSend(count * kind.byteCount, to: peer, tag: tag)
    body()
    end(start, .startSend, kind, count: count, peer: peer)
    return PartedRequest(
      kind, self, peer: peer, bytes: count * kind.byteCount, isReceive: false, stamp)
  }

  /// Records the start of a receive that other means carry out in the request's wait.
  package func carryReceive(
    _ kind: ElementKind, count: Int, from peer: Int, tag: Int
  ) throws(MPIError) -> PartedRequest {
    let start = begin(.startReceive, bytes: count * kind.byteCount, peer: peer, blocks: false)
    let stamp = try stampReceive(from: peer, tag: tag)
    end(start, .startReceive, kind, count: count, peer: peer)
    return PartedRequest(
      kind, self, peer: peer, bytes: count * kind.byteCount, isReceive: true, stamp)
  }

  /// At least one, since a message of nothing is a message.
  private func parts(of count: Int, _ part: Int) -> [Range<Int>] {
    let part = max(1, min(part, countLimit))
    guard count > part else { return [0..<count] }
    return stride(from: 0, to: count, by: part).map { $0..<min($0 + part, count) }
  }
}
