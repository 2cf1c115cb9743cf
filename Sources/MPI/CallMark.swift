import Synchronization

/// The MPI call that a rank is in, for another thread that looks after it. The rank's thread writes,
/// anybody reads; a call costs three plain stores.
public final class CallMark: Sendable {
  /// A call as its mark tells it.
  public struct Call: Sendable, Hashable {
    /// Nil between calls. Waiting for a receive that was started reads as `startReceive`.
    public let operation: TrafficOperation?
    /// `CommunicatorLabel.raw`.
    public let label: UInt8
    /// Peer or root as a rank of the communicator; -1 for none, or any.
    public let peer: Int
    public let bytes: Int
    /// Tells two calls apart that are equal in all else, until the number wraps.
    public let number: Int
  }

  // From the highest bits: operation + 1 (8), label (8), peer + 1 (24), number of the call (24).
  private let word = Atomic<UInt64>(0)
  private let bytes = Atomic<Int>(0)

  @inline(__always)
  func enter(_ operation: TrafficOperation, label: UInt8, peer: Int, bytes count: Int) {
    let number = (word.load(ordering: .relaxed) &+ 1) & 0xff_ffff
    bytes.store(count, ordering: .relaxed)
    word.store(
      UInt64(operation.rawValue &+ 1) &<< 56 | UInt64(label) &<< 48
        | (UInt64(truncatingIfNeeded: peer &+ 1) & 0xff_ffff) &<< 24 | number,
      ordering: .relaxed)
  }

  @inline(__always)
  func leave() { word.store(word.load(ordering: .relaxed) & 0xff_ffff, ordering: .relaxed) }

  /// The call now. Bytes may be the next call's while one follows the other.
  public var call: Call {
    let word = word.load(ordering: .relaxed)
    let operation = UInt8(word >> 56)
    return Call(
      operation: operation == 0 ? nil : TrafficOperation(rawValue: operation - 1),
      label: UInt8(word >> 48 & 0xff), peer: Int(word >> 24 & 0xff_ffff) - 1,
      bytes: bytes.load(ordering: .relaxed), number: Int(word & 0xff_ffff))
  }
}
