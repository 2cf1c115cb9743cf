import MPI

/// A processor whose time moves only when told, so that virtual times are exact.
final class PretendedProcessor {
  private(set) var time: UInt64 = 1_000_000
  private(set) var isInGate = false
  private(set) var leaves = 0
  func compute(_ nanoseconds: Int) { time += UInt64(nanoseconds) }

  /// Work inside MPI calls, which must not be charged: entering the gate takes 7777 ns.
  var gate: VirtualClock.Gate {
    VirtualClock.Gate(
      enter: {
        self.time += 7777
        self.isInGate = true
      },
      leave: {
        self.isInGate = false
        self.leaves += 1
      })
  }
}

extension VirtualClock.Costs {
  /// Simple enough to add up by hand: a message takes 1000 ns and 1 ns a byte, which also occupy the
  /// link; a collective 100 ns a member's number, 10 a member, 1 a byte. Label `own` is free.
  static let simple = VirtualClock.Costs(
    message: { label, bytes, _, _ in
      label == .own
        ? nil : VirtualClock.MessageCost(travel: UInt64(1000 + bytes), occupied: UInt64(bytes))
    },
    collective: { label, _, bytes, members in
      label == .own
        ? 0 : UInt64(members.reduce(0, +) * 100 + members.count * 10 + bytes)
    })
}

/// A rank with a clock over a pretended processor.
final class ClockedRank {
  let processor: PretendedProcessor
  let clock: VirtualClock
  let ledger: TrafficLedger
  /// Costs as `simple` says, and nothing.
  let world: Communicator
  let free: Communicator
  var rank: Int { world.rank }
  var size: Int { world.size }

  init(_ parent: borrowing Communicator, computeScale: Double = 1) throws(MPIError) {
    let processor = PretendedProcessor()
    let clock = VirtualClock(
      rank: parent.rank, computeScale: computeScale, costs: .simple,
      processorTime: { processor.time })
    let ledger = TrafficLedger()
    let plain = try Communicator.world(label: .world, ledger: ledger)
    let timed = try plain.duplicate(label: .copy, clock: clock)
    free = try timed.duplicate(label: .own)
    world = timed
    (self.processor, self.clock, self.ledger) = (processor, clock, ledger)
    clock.open(processor.gate)
  }

  /// Brings all clocks together; the time that they then show.
  func meet() throws(MPIError) -> Int {
    try free.barrier()
    return Int(clock.now())
  }
}

/// Virtual time, to the nanosecond.
func checkClock(_ world: borrowing Communicator, _ checks: Checks) throws(MPIError) {
  let own = try ClockedRank(world)
  try checkCompute(own, checks)
  try checkLinks(own, checks)
  try checkMeetings(own, checks)
  try checkStartedMeetings(own, checks)
  own.clock.close()
  let fast = try ClockedRank(world, computeScale: 4)
  let start = try fast.meet()
  fast.processor.compute(1001)
  try checks.equal("a faster processor computes in less time", Int(fast.clock.now()) - start, 250)
  fast.clock.close()
}

private func checkCompute(
  _ own: ClockedRank, _ checks: Checks
) throws(MPIError) {
  let (rank, n, clock) = (own.rank, own.size, own.clock)
  own.processor.compute(100 * (rank + 1))
  let before = Int(clock.now())
  let start = try own.meet()
  try checks.expect("a meeting turns no clock back", start >= before)
  let starts = try own.free.allGather([Int64(start)])
  try checks.expect("a free meeting gives all one time", Set(starts).count == 1, starts)

  // Round a ring: rank r sends at 100 (r + 1), 40 bytes take 1040.
  own.ledger.clear()
  let (next, previous) = ((rank + 1) % n, (rank + n - 1) % n)
  own.processor.compute(100 * (rank + 1))
  let out = Landing<Int32>([Int32](repeating: 3, count: 10))
  let into = Landing<Int32>(count: 10)
  let leaves = own.processor.leaves
  var send = try own.world.startSend(out.constant, to: next, tag: 2)
  let startLeaves = own.processor.leaves - leaves
  let sent = Int(clock.now()) - start
  try own.world.receive(into: into.buffer, from: previous, tag: 2)
  let received = Int(clock.now()) - start
  own.processor.compute(5)
  try send.wait()
  let arrival = max(100 * (rank + 1), 100 * (previous + 1) + 1040)
  try checks.equal("starting a send takes no time", sent, 100 * (rank + 1))
  try checks.equal("a message arrives after its cost", received, arrival)
  try checks.equal(
    "a send whose message has left ends at once", Int(clock.now()) - start, arrival + 5)
  try checks.expect("a rank that computes is in the gate", own.processor.isInGate)
  try checks.equal(
    "calls that can block leave it, others do not", [startLeaves, own.processor.leaves - leaves],
    [0, 2])
  let times = own.ledger.events().map { [Int($0.start) - start, Int($0.end) - start] }
  try checks.equal(
    "events carry virtual time", times,
    [[sent, sent], [sent, arrival], [arrival + 5, arrival + 5]])

  // Blocking, both ways at once: each leaves its link after 40 and comes after 1040.
  let again = try own.meet()
  try own.world.sendReceive(out.constant, to: next, into: into.buffer, from: previous)
  try checks.equal("both ways at once cost one way", Int(clock.now()) - again, 1040)
  let third = try own.meet()
  var receive = try own.world.startReceive(into: into.buffer, from: previous, tag: 3)
  try own.world.send(out.constant, to: next, tag: 3)
  try checks.equal("a send lasts until its message has left", Int(clock.now()) - third, 40)
  try receive.wait()
  try checks.equal("and the receive until it is there", Int(clock.now()) - third, 1040)
}

private func checkLinks(
  _ own: ClockedRank, _ checks: Checks
) throws(MPIError) {
  let (rank, n, clock) = (own.rank, own.size, own.clock)
  // Three messages with one tag and one with another, from rank 0 to the last (itself if alone).
  let lengths = [100, 20, 100, 1]
  let out = Landing<Int32>([Int32](repeating: 1, count: 100))
  let into = lengths.map { Landing<Int32>(count: $0) }
  // 400 bytes leave 0...400; 80 leave 400...480; 400 leave 480...880; 4 leave 880...884. The last is
  // handed over after 50.
  let arrivals = [1400, 1480, 1880, 1884]
  func times(_ order: [Int]) throws(MPIError) -> (start: Int, receives: [Int], sends: Int) {
    let start = try own.meet()
    var found: [Int] = []
    let receives = [RequestSet(), RequestSet(), RequestSet(), RequestSet()]
    if rank == n - 1 {
      for (index, set) in receives.enumerated() {
        set.add(
          try own.world.startReceive(into: into[index].buffer, from: 0, tag: index == 3 ? 9 : 8))
      }
    }
    let sends = RequestSet()
    if rank == 0 {
      for (index, length) in lengths.enumerated() {
        if index == 3 { own.processor.compute(50) }
        sends.add(
          try own.world.startSend(
            UnsafeBufferPointer(rebasing: out.constant[..<length]), to: n - 1,
            tag: index == 3 ? 9 : 8))
      }
      if n > 1 { try sends.waitAll() }
    }
    let left = Int(clock.now()) - start
    if rank == n - 1 {
      for index in order {
        try receives[index].waitAll()
        found.append(Int(clock.now()) - start)
      }
    }
    try sends.waitAll()
    return (start, found, left)
  }
  let inOrder = try times([0, 1, 2, 3])
  try checks.equal(
    "messages on one link queue, and stamps belong to theirs", inOrder.receives,
    rank == n - 1 ? arrivals : [])
  try checks.equal(
    "waiting for sends ends when the last has left", inOrder.sends,
    rank == 0 ? (n > 1 ? 884 : 50) : 0)
  let backwards = try times([3, 1, 2, 0])
  try checks.equal(
    "in whatever order they are waited for", backwards.receives,
    rank == n - 1 ? [1884, 1884, 1884, 1884] : [])
  let swapped = try times([1, 0, 2, 3])
  try checks.equal(
    "the second's stamp is not the first's", swapped.receives,
    rank == n - 1 ? [1480, 1480, 1880, 1884] : [])

  // From anyone: each stamp is its message's.
  let start = try own.meet()
  var found: [Int] = []
  var wanted: [Int] = []
  if rank > 0 {
    own.processor.compute(10_000 * (n - rank))
    try own.world.send([Int32](repeating: 7, count: rank), to: 0, tag: 4)
  } else {
    for _ in 1..<max(1, n) {
      let envelope = try own.world.receive(into: into[0].buffer, from: nil, tag: nil)
      let source = envelope.source
      wanted.append(max(wanted.last ?? 0, 10_000 * (n - source) + 1000 + 4 * source))
      found.append(Int(clock.now()) - start)
    }
  }
  try checks.equal("a message from anyone brings its sender's time", found, wanted)

  // What is free still tells the sender's time.
  let free = try own.meet()
  if rank == 0 {
    own.processor.compute(300)
    try own.free.send([Int32](repeating: 7, count: 50), to: n - 1)
  }
  if rank == n - 1 {
    _ = try own.free.receiveArray(of: Int32.self, from: 0)
  }
  try checks.equal(
    "a free message arrives as it is sent", Int(clock.now()) - free,
    rank == 0 || rank == n - 1 ? 300 : 0)
}

private func checkMeetings(
  _ own: ClockedRank, _ checks: Checks
) throws(MPIError) {
  let rank = own.rank
  guard let half = try own.world.split(color: rank % 2, key: -rank, label: .part) else { return }
  let members = (0..<own.size).filter { $0 % 2 == rank % 2 }
  let (m, mine) = (half.size, half.rank)
  let vector = Landing<Double>([Double](repeating: 1, count: 2 * m))
  let block = Landing<Double>([1, 1])
  // The last member comes at 1000 times its number, of all the numbers the largest.
  func check(
    _ name: String, bytes: Int, _ body: () throws(MPIError) -> Void
  ) throws(MPIError) {
    let start = try own.meet()
    own.processor.compute(1000 * rank)
    try body()
    let wanted =
      1000 * (members.last ?? 0) + members.reduce(0, +) * 100 + members.count * 10 + bytes
    try checks.equal(
      "\(name) ends for all members after the last came", Int(own.clock.now()) - start, wanted)
  }
  try check("a barrier", bytes: 0) { () throws(MPIError) in try half.barrier() }
  try check("a broadcast", bytes: 16 * m) { () throws(MPIError) in
    try half.broadcast(vector.buffer, root: m - 1)
  }
  try check("an all-reduce", bytes: 16 * m) { () throws(MPIError) in
    try half.allReduce(inPlace: vector.buffer)
  }
  try check("a reduce-scatter", bytes: 16 * m) { () throws(MPIError) in
    try half.reduceScatter(inPlace: vector.buffer)
  }
  try check("an all-gather", bytes: 16 * m) { () throws(MPIError) in
    try half.allGather(block.constant, into: vector.buffer)
  }
  try check("a gather", bytes: 16 * m) { () throws(MPIError) in
    try half.gather(block.constant, into: mine == 0 ? vector.buffer : nil, root: 0)
  }
  // Rank r of the half gives r + 1 elements; only the root knows the sum.
  let counts = (0..<m).map { $0 + 1 }
  let sum = counts.reduce(0, +)
  let uneven = Landing<Double>(count: sum)
  let part = Landing<Double>([Double](repeating: 1, count: mine + 1))
  try check("an uneven gather", bytes: 8 * sum) { () throws(MPIError) in
    try half.gather(
      part.constant, counts: counts, into: mine == 0 ? uneven.buffer : nil, root: 0)
  }
  try check("an uneven all-gather", bytes: 8 * sum) { () throws(MPIError) in
    try half.allGather(part.constant, counts: counts, into: uneven.buffer)
  }
}

private func checkStartedMeetings(
  _ own: ClockedRank, _ checks: Checks
) throws(MPIError) {
  let (rank, n) = (own.rank, own.size)
  let vector = Landing<Float>([1, 1, 1])
  // All have started at 1000 (n - 1); who computes on until 500 later hides that much.
  func check(
    _ name: String, bytes: Int, _ start: () throws(MPIError) -> Request
  ) throws(MPIError) {
    let base = try own.meet()
    own.processor.compute(1000 * rank)
    var request = try start()
    own.processor.compute(500)
    try request.wait()
    let end = 1000 * (n - 1) + n * (n - 1) / 2 * 100 + n * 10 + bytes
    try checks.equal(
      "a started \(name) ends when it would have", Int(own.clock.now()) - base,
      max(end, 1000 * rank + 500))
  }
  try check("barrier", bytes: 0) { () throws(MPIError) in try own.world.startBarrier() }
  try check("all-reduce", bytes: 12) { () throws(MPIError) in
    try own.world.startAllReduce(inPlace: vector.buffer)
  }
  try check("broadcast", bytes: 12) { () throws(MPIError) in
    try own.world.startBroadcast(vector.buffer, root: 0)
  }
}
