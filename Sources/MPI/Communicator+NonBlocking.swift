import CMPI

/// Operations that start here and end in a `Request` (MPI 3.1, sections 3.7 and 5.12).
///
/// Each is recorded when it starts, with its bytes; the wait is an event of its own. The buffer must
/// stay valid and untouched until the request is done. Counts beyond Int32.max are an error.
extension Communicator {
  /// Starts sending; the elements may be read until the request is done.
  @inlinable
  public func startSend<T: MPIElement>(
    _ buffer: UnsafeBufferPointer<T>, to peer: Int, tag: Int = 0
  ) throws(MPIError) -> Request {
    try startSendRaw(buffer.baseAddress, buffer.count, T.kind, to: peer, tag: tag)
  }

  /// Starts receiving up to `buffer.count` elements; a nil source or tag takes any.
  @inlinable
  public func startReceive<T: MPIElement>(
    into buffer: UnsafeMutableBufferPointer<T>, from peer: Int?, tag: Int? = 0
  ) throws(MPIError) -> Request {
    try startReceiveRaw(buffer.baseAddress, buffer.count, T.kind, from: peer, tag: tag)
  }

  /// Starts copying the root's buffer into everyone's.
  @inlinable
  public func startBroadcast<T: MPIElement>(
    _ buffer: UnsafeMutableBufferPointer<T>, root: Int
  ) throws(MPIError) -> Request {
    try startBroadcastRaw(buffer.baseAddress, buffer.count, T.kind, root: root)
  }

  /// Starts combining all ranks' elements in place.
  @inlinable
  public func startAllReduce<T: MPIElement>(
    inPlace buffer: UnsafeMutableBufferPointer<T>, _ operation: ReduceOperation = .sum
  ) throws(MPIError) -> Request {
    try startAllReduceRaw(buffer.baseAddress, buffer.count, T.kind, operation)
  }

  /// Starts a barrier: the request is done once all ranks have started it.
  public func startBarrier() throws(MPIError) -> Request {
    var request = cmpi_request_null()
    let start = begin(.startBarrier, bytes: 0, blocks: false)
    let stamp = try stampCollective(.barrier, 0)
    try check(cmpi_ibarrier(handle, &request), "MPI_Ibarrier", self)
    end(start, .startBarrier, .uint8, count: 0)
    return Request(request, kind: .uint8, communicator: self, peer: -1, bytes: 0, stamp: stamp)
  }

  // MARK: Untyped calls

  @usableFromInline
  func startSendRaw(
    _ data: UnsafeRawPointer?, _ count: Int, _ kind: ElementKind, to peer: Int, tag: Int
  ) throws(MPIError) -> Request {
    let to = try member(peer, "MPI_Isend")
    let n = try elements(count, "MPI_Isend")
    var request = cmpi_request_null()
    let start = begin(.startSend, bytes: count * kind.byteCount, peer: peer, blocks: false)
    let stamp = try stampSend(count * kind.byteCount, to: peer, tag: tag)
    try check(
      cmpi_isend(address(data), n, kind.rawValue, to, CInt(clamping: tag), handle, &request),
      "MPI_Isend", self, peer: peer)
    end(start, .startSend, kind, count: count, peer: peer)
    return Request(
      request, kind: kind, communicator: self, peer: peer, bytes: count * kind.byteCount,
      stamp: stamp)
  }

  @usableFromInline
  func startReceiveRaw(
    _ data: UnsafeMutableRawPointer?, _ count: Int, _ kind: ElementKind, from peer: Int?, tag: Int?
  ) throws(MPIError) -> Request {
    let from = try source(peer, "MPI_Irecv")
    let n = try elements(count, "MPI_Irecv")
    var request = cmpi_request_null()
    let start = begin(.startReceive, bytes: count * kind.byteCount, peer: peer ?? -1, blocks: false)
    let stamp = try stampReceive(from: peer, tag: tag)
    try check(
      cmpi_irecv(address(data), n, kind.rawValue, from, mpiTag(tag), handle, &request),
      "MPI_Irecv", self, peer: peer)
    end(start, .startReceive, kind, count: count, peer: peer ?? -1)
    return Request(
      request, kind: kind, communicator: self, peer: peer ?? -1, bytes: count * kind.byteCount,
      isReceive: true, stamp: stamp)
  }

  @usableFromInline
  func startBroadcastRaw(
    _ data: UnsafeMutableRawPointer?, _ count: Int, _ kind: ElementKind, root: Int
  ) throws(MPIError) -> Request {
    let from = try member(root, "MPI_Ibcast")
    let n = try elements(count, "MPI_Ibcast")
    var request = cmpi_request_null()
    let start = begin(.startBroadcast, bytes: count * kind.byteCount, peer: root, blocks: false)
    let stamp = try stampCollective(.broadcast, count * kind.byteCount)
    try check(
      cmpi_ibcast(address(data), n, kind.rawValue, from, handle, &request), "MPI_Ibcast", self,
      peer: root)
    end(start, .startBroadcast, kind, count: count, peer: root)
    return Request(
      request, kind: kind, communicator: self, peer: root, bytes: count * kind.byteCount,
      stamp: stamp)
  }

  @usableFromInline
  func startAllReduceRaw(
    _ data: UnsafeMutableRawPointer?, _ count: Int, _ kind: ElementKind,
    _ operation: ReduceOperation
  ) throws(MPIError) -> Request {
    let n = try elements(count, "MPI_Iallreduce")
    var request = cmpi_request_null()
    let start = begin(.startAllReduce, bytes: count * kind.byteCount, blocks: false)
    let stamp = try stampCollective(.allReduce, count * kind.byteCount)
    try check(
      cmpi_iallreduce_in_place(
        address(data), n, kind.rawValue, operation.rawValue, handle, &request),
      "MPI_Iallreduce", self)
    end(start, .startAllReduce, kind, count: count)
    return Request(
      request, kind: kind, communicator: self, peer: -1, bytes: count * kind.byteCount, stamp: stamp
    )
  }
}
