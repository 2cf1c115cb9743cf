import MPI

/// Non-blocking operations: overlap, tests, sets, collectives.
func checkRequests(
  _ world: borrowing Communicator, _ checks: Checks
) throws(MPIError) {
  let (rank, n) = (world.rank, world.size)
  let next = (rank + 1) % n
  let previous = (rank + n - 1) % n

  // A long message (beyond any eager limit) round a ring: blocking sends would deadlock.
  let count = 1 << 18
  let leaving = Landing((0..<count).map { Float(($0 + rank) % 1000) })
  let coming = Landing<Float>(count: count)
  var receive = try world.startReceive(into: coming.buffer, from: previous, tag: 1)
  var send = try world.startSend(leaving.constant, to: next, tag: 1)
  var work = 0
  while try !receive.test() { work += 1 }
  try send.wait()
  try checks.expect(
    "long messages cross while ranks work",
    coming.buffer.indices.allSatisfy { coming.buffer[$0] == Float(($0 + previous) % 1000) })
  try checks.expect("a finished request says so", !receive.isUnfinished && !send.isUnfinished)
  let second = try receive.wait()
  try checks.equal("waiting twice does nothing", second, nil)

  var later = try world.startReceive(into: coming.buffer, from: nil, tag: nil)
  var short = try world.startSend(
    UnsafeBufferPointer(rebasing: leaving.constant[..<3]), to: next, tag: 6)
  let envelope = try later.wait()
  try short.wait()
  try checks.equal(
    "a waited receive tells what came", envelope, Envelope(source: previous, tag: 6, count: 3))

  // A set, used twice, each rank with each other and itself.
  let set = RequestSet(capacity: 2 * n)
  let out = (0..<n).map { Landing<Int64>([Int64(10 * rank + $0)]) }
  let into = (0..<n).map { _ in Landing<Int64>(count: 1) }
  for round in 0..<2 {
    for peer in 0..<n {
      set.add(try world.startReceive(into: into[peer].buffer, from: peer, tag: round))
      set.add(try world.startSend(out[peer].constant, to: peer, tag: round))
    }
    if round == 0 { try set.waitAll() } else { while try !set.testAll() {} }
    try checks.equal(
      "a request set exchanges with all (round \(round))", into.map { $0.values[0] },
      (0..<n).map { Int64(10 * $0 + rank) })
    try checks.expect("and is empty afterwards (round \(round))", set.isEmpty)
  }
  var finished: Set<Int> = []
  for peer in 0..<n {
    set.add(try world.startReceive(into: into[peer].buffer, from: peer, tag: 9))
    set.add(try world.startSend(out[peer].constant, to: peer, tag: 9))
  }
  while let index = try set.waitAny() { finished.insert(index) }
  try checks.equal("waitAny returns each index once", finished, Set(0..<2 * n))
  try checks.expect("and empties the set", set.isEmpty)

  // Collectives that start.
  var barrier = try world.startBarrier()
  try barrier.wait()
  let sum = Landing<Int32>([Int32(rank), 1])
  var reduction = try world.startAllReduce(inPlace: sum.buffer)
  let told = Landing<Int32>([rank == 0 ? 42 : 0])
  var broadcast = try world.startBroadcast(told.buffer, root: 0)
  try reduction.wait()
  try broadcast.wait()
  try checks.equal(
    "a started all-reduce sums", sum.values, [Int32(n * (n - 1) / 2), Int32(n)])
  try checks.equal("a started broadcast copies", told.values, [42])
}

/// Splitting and duplicating: who is where, and messages that cannot meet.
func checkGroups(
  _ world: borrowing Communicator, _ checks: Checks
) throws(MPIError) {
  let (rank, n) = (world.rank, world.size)
  // Even and odd ranks, in reverse order.
  if let half = try world.split(color: rank % 2, key: -rank, label: .part) {
    let members = (0..<n).filter { $0 % 2 == rank % 2 }.reversed().map { Int32($0) }
    let order = try half.allGather([Int32(rank)])
    try checks.equal("a split groups by color and orders by key", order, Array(members))
    try checks.equal("its label is its own", half.label, .part)
  } else {
    try checks.expect("a split groups by color and orders by key", false, "no communicator")
    try checks.expect("its label is its own", false)
  }
  var size: Int?
  if let only = try world.split(color: rank == 0 ? 0 : nil, key: 0, label: .part) {
    size = only.size
  }
  try checks.equal("a rank without color gets nothing", size, rank == 0 ? 1 : nil)

  let copy = try world.duplicate(label: .copy)
  let message = Landing<Int32>([1])
  let other = Landing<Int32>([2])
  var first = try world.startSend(message.constant, to: (rank + 1) % n)
  var second = try copy.startSend(other.constant, to: (rank + 1) % n)
  let fromCopy = try copy.receiveArray(of: Int32.self, from: nil, tag: nil)
  let fromWorld = try world.receiveArray(of: Int32.self, from: nil, tag: nil)
  try first.wait()
  try second.wait()
  try checks.equal("messages of a duplicate stay in it", [fromCopy, fromWorld], [[2], [1]])

  let alone = try Communicator.ownSelf(label: .own)
  try checks.equal("own self is one rank", [alone.rank, alone.size], [0, 1])
  let host = try world.splitByHost(label: .part)
  try checks.equal("ranks of one host are one group", [host.rank, host.size], [rank, n])
}
