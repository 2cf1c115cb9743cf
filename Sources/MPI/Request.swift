import CMPI

/// A started operation (MPI 3.1, section 3.7). Wait for it, test it until it is done, or hand it to
/// a `RequestSet`; letting it go unfinished traps, for its buffer would be written later.
///
/// The buffer given at the start must stay allocated, in place and untouched until then: MPI keeps
/// the address, and Swift cannot see that. Never start with the address of an array.
public struct Request: ~Copyable {
  var handle: cmpi_request
  var isActive = true
  let kind: ElementKind
  let label: CommunicatorLabel
  let place: String
  let peer: Int
  let bytes: Int
  let isReceive: Bool
  let ledger: TrafficLedger?
  let stamp: Stamp?

  init(
    _ handle: cmpi_request, kind: ElementKind, communicator: borrowing Communicator, peer: Int,
    bytes: Int, isReceive: Bool = false, stamp: Stamp?
  ) {
    self.handle = handle
    self.kind = kind
    label = communicator.label
    place = communicator.label.name
    self.peer = peer
    self.bytes = bytes
    self.isReceive = isReceive
    ledger = communicator.ledger
    self.stamp = stamp
  }

  deinit {
    precondition(
      !isActive, "a request was dropped before it finished: wait for it or test it until done")
  }

  /// True until a wait or a test has seen the end.
  public var isUnfinished: Bool { isActive }

  /// Blocks until the operation is done. For a receive the envelope tells what came; for others it
  /// is nil. A wait after the end does nothing. Recorded as one `wait` event.
  @discardableResult
  public mutating func wait() throws(MPIError) -> Envelope? {
    guard isActive else { return nil }
    var envelope = cmpi_envelope()
    let start = beginWait(
      ledger, stamp?.clock, isReceive ? .startReceive : .wait, label, peer: peer, bytes: bytes)
    isActive = false  // Even a failed wait frees the request (section 3.7.3).
    try checkWait(cmpi_wait(&handle, kind.rawValue, &envelope), "MPI_Wait", place, peer)
    try stamp?.finish(envelope)
    endWait(ledger, stamp?.clock, start, kind, label.raw, peer)
    return isReceive ? Envelope(envelope) : nil
  }

  /// True once the operation is done; never blocks. Only the test that sees the end is recorded.
  /// - Precondition: no virtual clock, whose time cannot depend on what is really done.
  public mutating func test() throws(MPIError) -> Bool {
    guard isActive else { return true }
    precondition(stamp == nil, noTests)
    var envelope = cmpi_envelope()
    var done: CInt = 0
    let start = beginWait(ledger, nil, nil, label)
    let code = cmpi_test(&handle, &done, kind.rawValue, &envelope)
    if code != cmpi_success() || done != 0 { isActive = false }
    try checkWait(code, "MPI_Test", place, peer)
    if done != 0 { endWait(ledger, nil, start, kind, label.raw, peer) }
    return done != 0
  }
}

/// Started operations that are waited for together; keeps its memory between uses.
public final class RequestSet {
  private var handles: [cmpi_request] = []
  private var unfinished = 0
  private var label = CommunicatorLabel(raw: 0, name: "request set")
  private var ledger: TrafficLedger?
  private var stamps: [Stamp] = []

  /// An empty set with room for `capacity` requests before it allocates.
  public init(capacity: Int = 16) { handles.reserveCapacity(capacity) }

  deinit {
    precondition(unfinished == 0, "a request set was dropped before its requests finished")
  }

  /// Requests in the set, finished or not.
  public var count: Int { handles.count }

  /// True when there is nothing to wait for.
  public var isEmpty: Bool { handles.isEmpty }

  /// Takes over a request; returns its index for `waitAny`. All requests of a set belong to one
  /// ledger, and the last one's label stands for the set in its `wait` events. Under a virtual clock
  /// receives from any source or tag must be waited for by themselves.
  @discardableResult
  public func add(_ request: consuming Request) -> Int {
    precondition(request.isActive, "only an unfinished request can be added to a set")
    if let stamp = request.stamp {
      precondition(!stamp.isReceiveAny, "a set cannot tell whose stamp a receive from anyone wants")
      stamps.append(stamp)
    }
    handles.append(request.handle)
    label = request.label
    ledger = request.ledger
    request.isActive = false
    unfinished += 1
    return handles.count - 1
  }

  /// Blocks until all are done, then empties the set. One `wait` event.
  public func waitAll() throws(MPIError) {
    guard !handles.isEmpty else { return }
    let (ledger, label, stamps) = (self.ledger, self.label, self.stamps)
    let start = beginWait(ledger, stamps.first?.clock, .wait, label)
    let code = handles.withUnsafeMutableBufferPointer {
      cmpi_waitall(CInt(truncatingIfNeeded: $0.count), $0.baseAddress)
    }
    reset()
    try checkWait(code, "MPI_Waitall", label.name, -1)
    for stamp in stamps { try stamp.finish(cmpi_envelope()) }
    endWait(ledger, stamps.first?.clock, start, .uint8, label.raw, -1)
  }

  /// True, and the set empty, once all are done; never blocks.
  /// - Precondition: no virtual clock, whose time cannot depend on what is really done.
  public func testAll() throws(MPIError) -> Bool {
    guard !handles.isEmpty else { return true }
    precondition(stamps.isEmpty, noTests)
    var done: CInt = 0
    let start = beginWait(ledger, nil, nil, label)
    let code = handles.withUnsafeMutableBufferPointer {
      cmpi_testall(CInt(truncatingIfNeeded: $0.count), $0.baseAddress, &done)
    }
    let (ledger, label) = (self.ledger, self.label)
    if code != cmpi_success() || done != 0 { reset() }
    try checkWait(code, "MPI_Testall", label.name, -1)
    if done != 0 { endWait(ledger, nil, start, .uint8, label.raw, -1) }
    return done != 0
  }

  /// Blocks until one more is done and returns its index; nil, and the set empty, when none is left.
  /// One `wait` event for each index.
  /// - Precondition: no virtual clock, whose time cannot depend on what is really done.
  public func waitAny() throws(MPIError) -> Int? {
    precondition(stamps.isEmpty, noTests)
    var index: CInt = 0
    let start = beginWait(ledger, nil, .wait, label)
    let code = handles.withUnsafeMutableBufferPointer {
      cmpi_waitany(CInt(truncatingIfNeeded: $0.count), $0.baseAddress, &index)
    }
    if code != cmpi_success() { unfinished = 0 }
    try checkWait(code, "MPI_Waitany", label.name, -1)
    // MPI answers "undefined" when no active request is left.
    guard index != cmpi_undefined() else {
      ledger?.mark.leave()
      reset()
      return nil
    }
    unfinished -= 1
    endWait(ledger, nil, start, .uint8, label.raw, -1)
    return Int(index)
  }

  private func reset() {
    handles.removeAll(keepingCapacity: true)
    unfinished = 0
    ledger = nil
    stamps.removeAll(keepingCapacity: true)
  }
}

private let noTests = "what is done first has no meaning in virtual time; wait for all instead"

func checkWait(
  _ code: CInt, _ operation: StaticString, _ place: String, _ peer: Int
) throws(MPIError) {
  if code != cmpi_success() {
    throw failure(code, operation, communicator: place, peer: peer < 0 ? nil : peer)
  }
}

/// - Parameter operation: what the wait is marked as; nil where it returns at once.
func beginWait(
  _ ledger: TrafficLedger?, _ clock: VirtualClock?, _ operation: TrafficOperation?,
  _ label: CommunicatorLabel, peer: Int = -1, bytes: Int = 0
) -> UInt64 {
  if let operation {
    ledger?.mark.enter(operation, label: label.raw, peer: peer, bytes: bytes)
  }
  clock?.enter(blocks: true)
  guard let ledger, ledger.isRecording else { return 0 }
  return clock?.time ?? MonotonicClock.nanoseconds()
}

func endWait(
  _ ledger: TrafficLedger?, _ clock: VirtualClock?, _ start: UInt64, _ kind: ElementKind,
  _ label: UInt8, _ peer: Int
) {
  if let ledger, start != 0 {
    ledger.record(
      .wait, kind, label: label, peer: Int32(truncatingIfNeeded: peer), count: 0, start: start,
      end: clock?.time ?? MonotonicClock.nanoseconds())
  }
  clock?.leave()
  ledger?.mark.leave()
}
