import Glibc

/// The monotonic clock that ledger events carry.
public enum MonotonicClock {
  /// Nanoseconds of CLOCK_MONOTONIC; comparable within one host only.
  @inline(__always)
  public static func nanoseconds() -> UInt64 {
    var time = timespec()
    // CLOCK_MONOTONIC with a valid address cannot fail on Linux (clock_gettime(2)).
    _ = clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(bitPattern: Int64(time.tv_sec)) &* 1_000_000_000
      &+ UInt64(bitPattern: Int64(time.tv_nsec))
  }
}

/// Which call an event describes.
public enum TrafficOperation: UInt8, Sendable, Hashable, Codable, CaseIterable {
  case send = 0
  case receive = 1
  case sendReceive = 2
  case broadcast = 3
  case allReduce = 4
  case reduceScatter = 5
  case allGather = 6
  case gather = 7
  case barrier = 8
  /// The start of a non-blocking call: it carries the count and the bytes.
  case startSend = 9
  case startReceive = 10
  case startBroadcast = 11
  case startAllReduce = 12
  case startBarrier = 13
  /// Waiting for non-blocking calls: it carries the blocked time and no bytes.
  case wait = 14
}

/// What the client was doing; it is copied into each event.
public struct TrafficContext: Sendable, Hashable {
  /// Meaning given by the client (prefill, decode, ...).
  public var phase: UInt8
  /// Units of work in the message, such as batch slots.
  public var units: Int32
  /// Units that carry real work, the rest is padding.
  public var usefulUnits: Int32

  public init(phase: UInt8 = 0, units: Int32 = 0, usefulUnits: Int32 = 0) {
    self.phase = phase
    self.units = units
    self.usefulUnits = usefulUnits
  }
}

/// One MPI call as the ledger saw it.
public struct TrafficEvent: Sendable, Hashable {
  public let operation: TrafficOperation
  public let element: ElementKind
  /// `CommunicatorLabel.raw`.
  public let label: UInt8
  /// The peer or root as a rank of the communicator; -1 for operations without one.
  public let peer: Int32
  /// Elements of the larger of this rank's two buffers: the message for send, receive, broadcast
  /// and all-reduce; the whole vector for all-gather and reduce-scatter (nccl-tests' S); for gather
  /// the whole on the root and the own block elsewhere; sent plus received for send-receive.
  public let count: Int
  /// `count` times the element's size.
  public let bytes: Int
  public let context: TrafficContext
  /// Nanoseconds before and after the call: of CLOCK_MONOTONIC, or of the communicator's virtual
  /// clock.
  public let start: UInt64
  public let end: UInt64
}

/// Records each successful call on the communicators it is given to.
///
/// Recording costs two clock reads and one store; the buffer is reserved in advance and doubles when
/// full, so a steady state that calls `clear()` between steps never allocates. One ledger belongs to
/// one thread, like the communicators that write to it.
public final class TrafficLedger {
  /// Copied into each event from now on.
  public final var context = TrafficContext()
  /// The call that goes on, recorded or not.
  public let mark = CallMark()
  /// False: calls pass unseen and no clock is read.
  public final var isRecording: Bool
  /// Events recorded since the last `clear()`.
  public private(set) final var count = 0
  /// Events that fit before the buffer grows.
  public private(set) final var capacity: Int
  private final var buffer: UnsafeMutablePointer<TrafficEvent>

  /// An empty ledger with room for `capacity` events (56 bytes each).
  public init(capacity: Int = 1 << 14, isRecording: Bool = true) {
    precondition(capacity > 0, "a ledger needs room for at least one event")
    self.capacity = capacity
    self.isRecording = isRecording
    buffer = .allocate(capacity: capacity)
  }

  // Sound: events are trivial values, so memory needs no deinitialisation.
  deinit { buffer.deallocate() }

  /// Lends the recorded events, oldest first. The buffer must not escape `body`, and `body` must not
  /// communicate: a new event may move the memory.
  public func withEvents<R, E: Error>(
    _ body: (UnsafeBufferPointer<TrafficEvent>) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeBufferPointer(start: buffer, count: count))
  }

  /// A copy of the recorded events, oldest first; allocates.
  public func events() -> [TrafficEvent] {
    Array(UnsafeBufferPointer(start: buffer, count: count))
  }

  /// Forgets all events; keeps the memory.
  public func clear() { count = 0 }

  @inline(__always)
  final func record(
    _ operation: TrafficOperation, _ element: ElementKind, label: UInt8, peer: Int32, count: Int,
    start: UInt64, end: UInt64
  ) {
    let event = TrafficEvent(
      operation: operation, element: element, label: label, peer: peer, count: count,
      bytes: count &* element.byteCount, context: context, start: start,
      end: end)
    if self.count == capacity { grow() }
    (buffer + self.count).initialize(to: event)
    self.count &+= 1
  }

  @inline(never)
  private func grow() {
    let larger = UnsafeMutablePointer<TrafficEvent>.allocate(capacity: capacity * 2)
    larger.moveInitialize(from: buffer, count: count)
    buffer.deallocate()
    buffer = larger
    capacity *= 2
  }
}
