import CMPI

/// The time that travels with a call under a virtual clock: made before the call, finished after
/// it. Its message has a communicator of its own, so the data's bytes are what they are without it.
///
/// The stamp's receive is posted when the data's is, with the same peer and tag. MPI matches both in
/// the order of posting (MPI 3.1, section 3.5), so stamps belong to their messages however many are
/// under way.
final class Stamp {
  enum Purpose {
    /// A send, whose message has left its link at this time.
    case send(left: UInt64)
    /// A receive from a known peer and tag.
    case receive
    /// A receive whose peer or tag the message tells.
    case receiveAny
    case collective(TrafficOperation)
  }

  let clock: VirtualClock
  private let purpose: Purpose
  private let shadow: cmpi_comm
  private let label: CommunicatorLabel
  private let members: [Int]
  private let place: String
  /// Arrival of a message; of a collective the latest member and the most bytes.
  private let words: UnsafeMutablePointer<UInt64>
  private var request = cmpi_request_null()

  init(_ purpose: Purpose, _ clock: VirtualClock, on communicator: borrowing Communicator) {
    self.purpose = purpose
    self.clock = clock
    shadow = communicator.shadow
    label = communicator.label
    members = communicator.members
    place = communicator.label.name
    words = .allocate(capacity: 2)
    words.initialize(repeating: 0, count: 2)
  }

  // Sound: `finish` has waited for the request; after an error the job ends.
  deinit { words.deallocate() }

  var isReceiveAny: Bool { if case .receiveAny = purpose { true } else { false } }

  func startSend(arrival: UInt64, to peer: CInt, tag: CInt) throws(MPIError) {
    words[0] = arrival
    try check(
      cmpi_isend(words, 1, ElementKind.uint64.rawValue, peer, tag, shadow, &request),
      "MPI_Isend", communicator: place)
  }

  func startReceive(from peer: CInt, tag: CInt) throws(MPIError) {
    try check(
      cmpi_irecv(words, 1, ElementKind.uint64.rawValue, peer, tag, shadow, &request),
      "MPI_Irecv", communicator: place)
  }

  func startCollective(bytes: Int) throws(MPIError) {
    words[0] = clock.time
    words[1] = UInt64(bytes)
    guard members.count > 1 else { return }
    try check(
      cmpi_iallreduce_in_place(
        words, 2, ElementKind.uint64.rawValue, ReduceOperation.max.rawValue, shadow, &request),
      "MPI_Iallreduce", communicator: place)
  }

  /// Moves the clock to the end of the call, which is over.
  /// - Parameter envelope: what a receive got.
  func finish(_ envelope: cmpi_envelope) throws(MPIError) {
    if isReceiveAny {
      try startReceive(from: CInt(envelope.source), tag: CInt(envelope.tag))
    }
    var ignored = cmpi_envelope()
    try check(
      cmpi_wait(&request, ElementKind.uint64.rawValue, &ignored), "MPI_Wait", communicator: place)
    switch purpose {
    case .send(let left): clock.reach(left)
    case .receive, .receiveAny: clock.reach(words[0])
    case .collective(let operation):
      clock.reach(
        clock.end(
          of: operation, label, bytes: Int(words[1]), members: members, latest: words[0]))
    }
  }
}

extension Communicator {
  /// Stamps a message that is about to be sent; nil without a clock.
  @inline(__always)
  func stampSend(_ bytes: Int, to peer: Int, tag: Int) throws(MPIError) -> Stamp? {
    guard let clock else { return nil }
    let (arrival, left) = clock.depart(label, bytes: bytes, to: members[peer])
    let stamp = Stamp(.send(left: left), clock, on: self)
    try stamp.startSend(
      arrival: arrival, to: CInt(truncatingIfNeeded: peer), tag: CInt(clamping: tag))
    return stamp
  }

  /// Expects the stamp of a message that is about to be received; nil without a clock.
  @inline(__always)
  func stampReceive(from peer: Int?, tag: Int?) throws(MPIError) -> Stamp? {
    guard let clock else { return nil }
    guard let peer, tag != nil else { return Stamp(.receiveAny, clock, on: self) }
    let stamp = Stamp(.receive, clock, on: self)
    try stamp.startReceive(from: CInt(truncatingIfNeeded: peer), tag: mpiTag(tag))
    return stamp
  }

  /// Tells all members when this one came to a collective; nil without a clock.
  @inline(__always)
  func stampCollective(_ operation: TrafficOperation, _ bytes: Int) throws(MPIError) -> Stamp? {
    guard let clock else { return nil }
    let stamp = Stamp(.collective(operation), clock, on: self)
    try stamp.startCollective(bytes: bytes)
    return stamp
  }
}
