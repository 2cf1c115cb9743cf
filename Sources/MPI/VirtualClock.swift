import Glibc

/// A rank's time as if it had a core of its own and its messages crossed a network that somebody
/// describes.
///
/// Between MPI calls the clock advances by the processor time of the thread, divided by
/// `computeScale`. Time inside MPI calls costs nothing by itself: each message carries the time at
/// which it arrives, and a receive sets the clock to the later of its own and that; a collective
/// sets every member to the latest of them plus its cost. The stamps travel on a communicator of
/// their own, which no ledger sees.
///
/// A link joins two ranks in one direction. A message departs when its sender is there and the
/// link is free, occupies the link for a while, and arrives after its cost; messages to one rank
/// thus queue behind each other, messages to different ranks do not. A send ends when its message
/// has left the link's near end, whether or not the receiver is there: no rendezvous is modelled.
///
/// Give it to `Communicator.duplicate(label:clock:)`; all communicators made from that one use it.
/// One clock belongs to one thread. Receives from any source are stamped rightly but matched in the
/// order of real arrival, so they can differ from run to run.
public final class VirtualClock {
  /// What one message costs, in nanoseconds.
  public struct MessageCost: Sendable, Hashable {
    /// From its departure to its arrival.
    public var travel: UInt64
    /// How long it keeps the next message from departing on the same link.
    public var occupied: UInt64

    public init(travel: UInt64, occupied: UInt64) {
      self.travel = travel
      self.occupied = occupied
    }
  }

  /// The network, as functions of what MPI calls know. Ranks are those that the clocks were made
  /// with.
  public struct Costs: Sendable {
    public typealias Message =
      @Sendable (
        _ label: CommunicatorLabel, _ bytes: Int, _ from: Int, _ to: Int
      ) -> MessageCost?
    public typealias Collective =
      @Sendable (
        _ label: CommunicatorLabel, _ operation: TrafficOperation, _ bytes: Int, _ members: [Int]
      ) -> UInt64

    /// Of `bytes` from one rank to another; nil for a message that is free and uses no link.
    public var message: Message
    /// Nanoseconds of a collective once all members are there. `bytes` as `TrafficEvent.bytes`
    /// counts them, the largest of any member; never one of the `start…` operations.
    public var collective: Collective

    public init(message: @escaping Message, collective: @escaping Collective) {
      self.message = message
      self.collective = collective
    }
  }

  /// Lets so many ranks compute at once: left before a call that may block, entered after it.
  public struct Gate {
    public var enter: () -> Void
    public var leave: () -> Void

    public init(enter: @escaping () -> Void, leave: @escaping () -> Void) {
      self.enter = enter
      self.leave = leave
    }
  }

  /// This rank's number in the questions to `costs`.
  public let rank: Int
  private let costs: Costs
  private var computeScale: Double
  private var processorTime: () -> UInt64
  /// What looking at the processor time takes of it.
  private var lookTime: UInt64
  private var gate: Gate?
  private var isInside = false
  /// Virtual nanoseconds at the last entry into MPI, or at the end of the call. Begins at 1, since
  /// 0 stands for "not recorded".
  private(set) final var time: UInt64 = 1
  /// The processor time from which on the thread computes.
  private final var mark: UInt64
  /// By receiver, when the link to it is free.
  private final var linkFree: [Int: UInt64] = [:]

  /// - Parameters:
  ///   - computeScale: how much faster the pretended processor is; above 0.
  ///   - processorTime: nanoseconds that the thread has computed, which looking at does not change;
  ///     the kernel's count when nil, of which the time of the look itself is taken off.
  public init(
    rank: Int, computeScale: Double = 1, costs: Costs, processorTime: (() -> UInt64)? = nil
  ) {
    precondition(computeScale > 0 && computeScale.isFinite, "the compute scale is above 0")
    self.rank = rank
    self.computeScale = computeScale
    self.costs = costs
    lookTime = processorTime == nil ? Self.timeOfALook() : 0
    let processorTime = processorTime ?? Self.threadNanoseconds
    self.processorTime = processorTime
    mark = processorTime()
  }

  deinit { close() }

  /// From now on the pretended processor is so many times as fast.
  public func rescale(_ scale: Double) {
    precondition(scale > 0 && scale.isFinite, "the compute scale is above 0")
    time &+= computed()
    mark = processorTime()
    computeScale = scale
  }

  /// Lets virtual time pass until `moment`, as if the thread slept.
  public func advance(to moment: UInt64) {
    enter(blocks: false)
    reach(moment)
    leave()
  }

  /// Virtual nanoseconds now.
  public func now() -> UInt64 { time &+ computed() }

  /// From now on `source` says how many nanoseconds the rank has computed, a device's time for
  /// instance; looking at it costs none of them.
  public func timeComputing(by source: @escaping () -> UInt64) {
    time &+= computed()
    processorTime = source
    lookTime = 0
    mark = source()
  }

  /// From now on computing needs the gate, which is entered at once.
  public func open(_ gate: Gate) {
    close()
    enter(blocks: true)
    self.gate = gate
    leave()
  }

  /// Leaves the gate for good. Needed before MPI ends, since that waits for all ranks.
  public func close() {
    if !isInside { gate?.leave() }
    gate = nil
  }

  /// Nanoseconds of processor time that this thread has used (CLOCK_THREAD_CPUTIME_ID).
  static func threadNanoseconds() -> UInt64 {
    var time = timespec()
    // Cannot fail for the calling thread with a valid address (clock_gettime(2)).
    _ = clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(bitPattern: Int64(time.tv_sec)) &* 1_000_000_000
      &+ UInt64(bitPattern: Int64(time.tv_nsec))
  }

  /// The least time between two looks in a row.
  private static func timeOfALook() -> UInt64 {
    (0..<100).reduce(UInt64.max) { least, _ in
      let first = threadNanoseconds()
      return min(least, threadNanoseconds() &- first)
    }
  }

  private func computed() -> UInt64 {
    let passed = processorTime() &- mark
    let spent = passed > lookTime ? passed &- lookTime : 0
    return computeScale == 1 ? spent : UInt64((Double(spent) / computeScale).rounded())
  }

  // MARK: What the call wrappers use

  /// The thread stops computing: it is in an MPI call, which may wait for others if it `blocks`.
  final func enter(blocks: Bool) {
    time &+= computed()
    guard blocks, !isInside else { return }
    isInside = true
    gate?.leave()
  }

  /// The thread computes again; nothing since `enter` was charged.
  final func leave() {
    if isInside { gate?.enter() }
    isInside = false
    mark = processorTime()
  }

  /// Waits, in virtual time, until `moment`.
  final func reach(_ moment: UInt64) { time = max(time, moment) }

  /// Puts a message on its way: when it arrives and when it has left.
  final func depart(
    _ label: CommunicatorLabel, bytes: Int, to peer: Int
  ) -> (arrival: UInt64, left: UInt64) {
    guard let cost = costs.message(label, bytes, rank, peer) else { return (time, time) }
    let departure = max(time, linkFree[peer] ?? 0)
    linkFree[peer] = departure &+ cost.occupied
    return (departure &+ cost.travel, departure &+ cost.occupied)
  }

  /// When a collective ends whose last member came at `latest`.
  final func end(
    of operation: TrafficOperation, _ label: CommunicatorLabel, bytes: Int, members: [Int],
    latest: UInt64
  ) -> UInt64 {
    latest &+ costs.collective(label, operation, bytes, members)
  }
}
