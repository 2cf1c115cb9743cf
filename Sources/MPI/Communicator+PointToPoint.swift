import CMPI

/// Blocking messages between two ranks (MPI 3.1, chapter 3). Tags are 0...32767 on every MPI.
extension Communicator {
  /// Sends the elements to rank `peer`; returns when the buffer may be reused.
  @inlinable
  public func send<T: MPIElement>(
    _ buffer: UnsafeBufferPointer<T>, to peer: Int, tag: Int = 0
  ) throws(MPIError) {
    try sendRaw(buffer.baseAddress, buffer.count, T.kind, to: peer, tag: tag)
  }

  /// Sends the array's elements to rank `peer`.
  @inlinable
  public func send<T: MPIElement>(_ values: [T], to peer: Int, tag: Int = 0) throws(MPIError) {
    try values.withUnsafeBufferPointer { (buffer) throws(MPIError) -> Void in
      try send(buffer, to: peer, tag: tag)
    }
  }

  /// Receives up to `buffer.count` elements; the envelope tells how many came. A longer message is
  /// an error. A nil source or tag takes any.
  @inlinable
  @discardableResult
  public func receive<T: MPIElement>(
    into buffer: UnsafeMutableBufferPointer<T>, from peer: Int?, tag: Int? = 0
  ) throws(MPIError) -> Envelope {
    try receiveRaw(buffer.baseAddress, buffer.count, T.kind, from: peer, tag: tag)
  }

  /// Receives into the front of an existing array, which keeps its length.
  @inlinable
  @discardableResult
  public func receive<T: MPIElement>(
    into values: inout [T], from peer: Int?, tag: Int? = 0
  ) throws(MPIError) -> Envelope {
    try values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) -> Envelope in
      try receive(into: buffer, from: peer, tag: tag)
    }
  }

  /// Receives one message of any length as a new array: a probe, then the receive.
  @inlinable
  public func receiveArray<T: MPIElement>(
    of type: T.Type, from peer: Int?, tag: Int? = 0
  ) throws(MPIError) -> [T] {
    let envelope = try probe(type, from: peer, tag: tag)
    let room = max(0, envelope.count)
    return try withUninitialized(room) { (buffer: UnsafeMutableBufferPointer<T>) throws(MPIError) in
      try receive(into: buffer, from: envelope.source, tag: envelope.tag)
    }
  }

  /// Sends and receives at once, without the deadlock of two blocking sends. The buffers must not
  /// overlap; a nil source or receive tag takes any.
  @inlinable
  @discardableResult
  public func sendReceive<T: MPIElement>(
    _ outgoing: UnsafeBufferPointer<T>, to receiver: Int, sendTag: Int = 0,
    into incoming: UnsafeMutableBufferPointer<T>, from sender: Int?, receiveTag: Int? = 0
  ) throws(MPIError) -> Envelope {
    try sendReceiveRaw(
      outgoing.baseAddress, outgoing.count, to: receiver, sendTag: sendTag,
      incoming.baseAddress, incoming.count, from: sender, receiveTag: receiveTag, T.kind)
  }

  /// Waits until a message is there, without receiving it; its count is in elements of `type`.
  /// Not recorded by the ledger.
  @inlinable
  public func probe<T: MPIElement>(
    _ type: T.Type, from peer: Int?, tag: Int? = 0
  ) throws(MPIError) -> Envelope {
    try probeRaw(T.kind, from: peer, tag: tag)
  }

  /// Looks whether a message is there; nil if not. Not recorded by the ledger.
  /// - Precondition: no virtual clock, whose time cannot depend on what has really arrived.
  @inlinable
  public func probeNow<T: MPIElement>(
    _ type: T.Type, from peer: Int?, tag: Int? = 0
  ) throws(MPIError) -> Envelope? {
    try probeNowRaw(T.kind, from: peer, tag: tag)
  }

  /// Lets messages under way go on while the thread computes (MPI_Iprobe). Over TCP a large message
  /// leaves only inside MPI calls of its sender, who must hear first that its receiver is there.
  /// Not recorded by the ledger; by a virtual clock there is nothing to do.
  public func progress() throws(MPIError) {
    if clock == nil { _ = try probeNowRaw(UInt8.kind, from: nil, tag: nil) }
  }

  // MARK: Untyped calls

  @usableFromInline
  func sendRaw(
    _ data: UnsafeRawPointer?, _ count: Int, _ kind: ElementKind, to peer: Int, tag: Int
  ) throws(MPIError) {
    let to = try member(peer, "MPI_Send")
    let n = try elements(count, "MPI_Send")
    let start = begin(.send, bytes: count * kind.byteCount, peer: peer)
    let stamp = try stampSend(count * kind.byteCount, to: peer, tag: tag)
    try check(
      cmpi_send(address(data), n, kind.rawValue, to, CInt(clamping: tag), handle),
      "MPI_Send", self, peer: peer)
    try stamp?.finish(cmpi_envelope())
    end(start, .send, kind, count: count, peer: peer)
  }

  @usableFromInline
  func receiveRaw(
    _ data: UnsafeMutableRawPointer?, _ count: Int, _ kind: ElementKind, from peer: Int?, tag: Int?
  ) throws(MPIError) -> Envelope {
    let from = try source(peer, "MPI_Recv")
    let n = try elements(count, "MPI_Recv")
    var envelope = cmpi_envelope()
    let start = begin(.receive, bytes: count * kind.byteCount, peer: peer ?? -1)
    let stamp = try stampReceive(from: peer, tag: tag)
    try check(
      cmpi_recv(address(data), n, kind.rawValue, from, mpiTag(tag), handle, &envelope),
      "MPI_Recv", self, peer: peer)
    try stamp?.finish(envelope)
    end(
      start, .receive, kind, count: max(0, Int(envelope.count)), peer: Int(envelope.source))
    return Envelope(envelope)
  }

  @usableFromInline
  func sendReceiveRaw(
    _ outgoing: UnsafeRawPointer?, _ outgoingCount: Int, to receiver: Int, sendTag: Int,
    _ incoming: UnsafeMutableRawPointer?, _ incomingCount: Int, from sender: Int?,
    receiveTag: Int?, _ kind: ElementKind
  ) throws(MPIError) -> Envelope {
    let to = try member(receiver, "MPI_Sendrecv")
    let from = try source(sender, "MPI_Sendrecv")
    let sending = try elements(outgoingCount, "MPI_Sendrecv")
    let receiving = try elements(incomingCount, "MPI_Sendrecv")
    var envelope = cmpi_envelope()
    let start = begin(
      .sendReceive, bytes: (outgoingCount + incomingCount) * kind.byteCount, peer: receiver)
    let leaving = try stampSend(outgoingCount * kind.byteCount, to: receiver, tag: sendTag)
    let coming = try stampReceive(from: sender, tag: receiveTag)
    try check(
      cmpi_sendrecv(
        address(outgoing), sending, to, CInt(clamping: sendTag), address(incoming), receiving,
        from, mpiTag(receiveTag), kind.rawValue, handle, &envelope),
      "MPI_Sendrecv", self, peer: receiver)
    try coming?.finish(envelope)
    try leaving?.finish(envelope)
    end(
      start, .sendReceive, kind, count: outgoingCount + max(0, Int(envelope.count)),
      peer: receiver)
    return Envelope(envelope)
  }

  @usableFromInline
  func probeRaw(_ kind: ElementKind, from peer: Int?, tag: Int?) throws(MPIError) -> Envelope {
    var envelope = cmpi_envelope()
    ledger?.mark.enter(.receive, label: label.raw, peer: peer ?? -1, bytes: 0)
    clock?.enter(blocks: true)
    defer {
      clock?.leave()
      ledger?.mark.leave()
    }
    try check(
      cmpi_probe(try source(peer, "MPI_Probe"), mpiTag(tag), kind.rawValue, handle, &envelope),
      "MPI_Probe", self, peer: peer)
    return Envelope(envelope)
  }

  @usableFromInline
  func probeNowRaw(_ kind: ElementKind, from peer: Int?, tag: Int?) throws(MPIError) -> Envelope? {
    precondition(clock == nil, "what has arrived already has no meaning in virtual time")
    var envelope = cmpi_envelope()
    var found: CInt = 0
    try check(
      cmpi_iprobe(
        try source(peer, "MPI_Iprobe"), mpiTag(tag), kind.rawValue, handle, &found, &envelope),
      "MPI_Iprobe", self, peer: peer)
    return found == 0 ? nil : Envelope(envelope)
  }

  func source(_ peer: Int?, _ operation: StaticString) throws(MPIError) -> CInt {
    guard let peer else { return cmpi_any_source() }
    return try member(peer, operation)
  }

  func mpiTag(_ tag: Int?) -> CInt {
    // A negative tag could read as MPI's wildcard; clamped to a value that MPI rejects instead.
    tag.map { $0 < 0 ? CInt.min : CInt(clamping: $0) } ?? cmpi_any_tag()
  }
}

/// A new array whose elements `body` writes; used for received data.
@inlinable
func withUninitialized<T: MPIElement>(
  _ count: Int, _ body: (UnsafeMutableBufferPointer<T>) throws(MPIError) -> Void
) throws(MPIError) -> [T] {
  var failure: MPIError?
  let values = [T](unsafeUninitializedCapacity: count) { buffer, initialized in
    do throws(MPIError) {
      // Sound: T is BitwiseCopyable, and on success MPI has written all `count` elements.
      try body(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initialized = count
    } catch {
      failure = error
      initialized = 0
    }
  }
  if let failure { throw failure }
  return values
}
