import CMPI

/// The client's name for what a communicator is for; `raw` is what ledger events carry.
public struct CommunicatorLabel: Sendable, Hashable {
  public let raw: UInt8
  public let name: String

  public init(raw: UInt8, name: String) {
    self.raw = raw
    self.name = name
  }
}

/// An owned group of ranks that can exchange messages (MPI 3.1, chapter 6).
///
/// `deinit` frees it, which is collective: all ranks drop it in the same order. Errors return as
/// `MPIError`; after one, the state of the communicator is undefined and the job should end in
/// `MPIEnvironment.abort`. Use it from one thread, the one that initialised MPI.
///
/// Counts beyond what MPI takes (Int32.max elements) are split in broadcast and all-reduce, and an
/// error elsewhere. Buffers that do not fit each other are a caller's bug and trap.
public struct Communicator: ~Copyable {
  let handle: cmpi_comm
  public let rank: Int
  public let size: Int
  public let label: CommunicatorLabel
  /// Sees each call; nil costs nothing.
  public let ledger: TrafficLedger?
  /// Moved by each call, whose events then carry its time; nil costs nothing.
  public let clock: VirtualClock?
  /// Carries the clocks' stamps, and the clocks' ranks of the members; unused without a clock.
  let shadow: cmpi_comm
  let members: [Int]
  /// The most elements one MPI call takes. Smaller only in tests, which then see the splitting.
  package var countLimit = Int(Int32.max)

  /// Takes over `handle`, which is freed again if the questions fail.
  private init(
    owning handle: cmpi_comm, label: CommunicatorLabel, ledger: TrafficLedger?,
    clock: VirtualClock? = nil
  ) throws(MPIError) {
    let (rank, size) = try Self.prepare(handle, label)
    (shadow, members) = try Self.prepare(clock, handle, label, size: size)
    self.clock = clock
    self.handle = handle
    self.rank = rank
    self.size = size
    self.label = label
    self.ledger = ledger
  }

  private static func prepare(
    _ handle: cmpi_comm, _ label: CommunicatorLabel
  ) throws(MPIError) -> (rank: Int, size: Int) {
    var rank: CInt = 0
    var size: CInt = 0
    let place = label.name
    do throws(MPIError) {
      try check(cmpi_comm_errors_return(handle), "MPI_Comm_set_errhandler", communicator: place)
      try check(cmpi_comm_rank(handle, &rank), "MPI_Comm_rank", communicator: place)
      try check(cmpi_comm_size(handle, &size), "MPI_Comm_size", communicator: place)
    } catch {
      var lost = handle
      _ = cmpi_comm_free(&lost)  // The error at hand is the one that matters.
      throw error
    }
    return (Int(rank), Int(size))
  }

  /// The communicator of the stamps and the clocks' ranks, where there is a clock.
  private static func prepare(
    _ clock: VirtualClock?, _ handle: cmpi_comm, _ label: CommunicatorLabel, size: Int
  ) throws(MPIError) -> (cmpi_comm, [Int]) {
    guard let clock else { return (cmpi_comm_null(), []) }
    var shadow = cmpi_comm_null()
    try check(cmpi_comm_dup(handle, &shadow), "MPI_Comm_dup", communicator: label.name)
    var members = [UInt64](repeating: 0, count: size)
    try check(
      cmpi_allgather([UInt64(clock.rank)], &members, 1, ElementKind.uint64.rawValue, shadow),
      "MPI_Allgather", communicator: label.name)
    return (shadow, members.map { Int($0) })
  }

  deinit {
    // After MPI_Finalize nothing may be called, and the library has freed it.
    guard MPIEnvironment.isRunning else { return }
    clock?.enter(blocks: true)
    for var mine in clock == nil ? [handle] : [shadow, handle] {
      let code = cmpi_comm_free(&mine)
      if code != cmpi_success() { complain("MPI_Comm_free", code) }
    }
    clock?.leave()
  }

  /// All ranks of the job: a duplicate of MPI_COMM_WORLD, so no one else's messages can be matched.
  /// Collective.
  public static func world(
    label: CommunicatorLabel, ledger: TrafficLedger? = nil
  ) throws(MPIError) -> Communicator {
    try duplicating(cmpi_comm_world(), label: label, ledger: ledger)
  }

  /// This process alone: a duplicate of MPI_COMM_SELF.
  public static func ownSelf(
    label: CommunicatorLabel, ledger: TrafficLedger? = nil
  ) throws(MPIError) -> Communicator {
    try duplicating(cmpi_comm_self(), label: label, ledger: ledger)
  }

  private static func duplicating(
    _ handle: cmpi_comm, label: CommunicatorLabel, ledger: TrafficLedger?
  ) throws(MPIError) -> Communicator {
    guard MPIEnvironment.isRunning else {
      throw MPIError(
        operation: "MPI_Comm_dup", code: cmpi_err_other(),
        text: "MPI is not running: create an MPIEnvironment first", communicator: label.name,
        peer: nil)
    }
    try check(
      cmpi_comm_errors_return(handle), "MPI_Comm_set_errhandler", communicator: label.name)
    var copy = cmpi_comm_null()
    try check(cmpi_comm_dup(handle, &copy), "MPI_Comm_dup", communicator: label.name)
    return try Communicator(owning: copy, label: label, ledger: ledger)
  }

  /// The same ranks with messages of their own; same ledger. Collective.
  /// - Parameter clock: this rank's clock from now on; when nil, that of this communicator.
  public func duplicate(
    label: CommunicatorLabel, clock: VirtualClock? = nil
  ) throws(MPIError) -> Communicator {
    let clock = clock ?? self.clock
    clock?.enter(blocks: true)
    defer { clock?.leave() }
    var copy = cmpi_comm_null()
    try check(cmpi_comm_dup(handle, &copy), "MPI_Comm_dup", self)
    return try Communicator(owning: copy, label: label, ledger: ledger, clock: clock)
  }

  /// Groups ranks of the same color, ordered by key, then by rank; same ledger and clock. Collective.
  /// A rank whose color is nil takes part in the call and gets nil. Colors are not negative.
  public func split(
    color: Int?, key: Int, label: CommunicatorLabel
  ) throws(MPIError) -> Communicator? {
    if let color, color < 0 || color > Int(Int32.max) {
      throw MPIError(
        operation: "MPI_Comm_split", code: cmpi_err_other(),
        text: "color \(color) is outside 0...\(Int32.max)", communicator: place, peer: nil)
    }
    clock?.enter(blocks: true)
    defer { clock?.leave() }
    var part = cmpi_comm_null()
    let mpiColor = color.map { CInt($0) } ?? cmpi_undefined()
    try check(cmpi_comm_split(handle, mpiColor, CInt(clamping: key), &part), "MPI_Comm_split", self)
    if cmpi_comm_is_null(part) != 0 { return nil }
    return try Communicator(owning: part, label: label, ledger: ledger, clock: clock)
  }

  /// Groups the ranks that share memory, one group a host; same ledger and clock. Collective.
  public func splitByHost(label: CommunicatorLabel) throws(MPIError) -> Communicator {
    clock?.enter(blocks: true)
    defer { clock?.leave() }
    var part = cmpi_comm_null()
    try check(
      cmpi_comm_split_shared(handle, CInt(clamping: rank), &part), "MPI_Comm_split_type", self)
    return try Communicator(owning: part, label: label, ledger: ledger, clock: clock)
  }

  /// Where an error happened, for its text.
  var place: String { "\(label.name) (rank \(rank) of \(size))" }

  // MARK: What the call wrappers share

  /// Marks a call and gives its start time, 0 where nobody records.
  /// - Parameter blocks: false of a call that returns at once.
  @inline(__always)
  func begin(
    _ operation: TrafficOperation, bytes: Int, peer: Int = -1, blocks: Bool = true
  ) -> UInt64 {
    ledger?.mark.enter(operation, label: label.raw, peer: peer, bytes: bytes)
    clock?.enter(blocks: blocks)
    guard let ledger, ledger.isRecording else { return 0 }
    return clock?.time ?? MonotonicClock.nanoseconds()
  }

  @inline(__always)
  func end(
    _ start: UInt64, _ operation: TrafficOperation, _ kind: ElementKind, count: Int, peer: Int = -1
  ) {
    if let ledger, start != 0 {
      ledger.record(
        operation, kind, label: label.raw, peer: Int32(truncatingIfNeeded: peer), count: count,
        start: start, end: clock?.time ?? MonotonicClock.nanoseconds())
    }
    clock?.leave()
    ledger?.mark.leave()
  }

  /// MPI reads negative ranks as wildcards or as "nobody", so peers are checked before the call.
  @inline(__always)
  func member(_ peer: Int, _ operation: StaticString) throws(MPIError) -> CInt {
    if peer < 0 || peer >= size { throw notAMember(peer, operation) }
    return CInt(truncatingIfNeeded: peer)
  }

  @inline(never)
  private func notAMember(_ peer: Int, _ operation: StaticString) -> MPIError {
    MPIError(
      operation: operation.description, code: cmpi_err_rank(),
      text: "rank \(peer) is not a member; valid ranks: 0...\(size - 1)", communicator: place,
      peer: peer)
  }

  /// The count as MPI takes it, or an error.
  @inline(__always)
  func elements(_ count: Int, _ operation: StaticString) throws(MPIError) -> CInt {
    if count > countLimit { throw tooMany(count, operation) }
    return CInt(truncatingIfNeeded: count)
  }

  @inline(never)
  private func tooMany(_ count: Int, _ operation: StaticString) -> MPIError {
    MPIError(
      operation: operation.description, code: cmpi_err_count(),
      text: "\(count) elements in one call, MPI takes at most \(countLimit); send it in parts",
      communicator: place, peer: nil)
  }
}

/// Stands for the address of an empty buffer: some MPIs reject null even at count 0, and null would
/// mean "in place" to the C shim. Never dereferenced, since the count is 0.
@inline(__always)
func address(_ pointer: UnsafeRawPointer?) -> UnsafeRawPointer {
  pointer ?? UnsafeRawPointer(bitPattern: 64).unsafelyUnwrapped
}

@inline(__always)
func address(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer {
  pointer ?? UnsafeMutableRawPointer(bitPattern: 64).unsafelyUnwrapped
}
