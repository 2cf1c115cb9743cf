import MPI

/// Every collective and a ring of messages for one element type. Element i of rank r is
/// 10 * r + i, so sums stay exact even in UInt8 for 4 ranks.
func checkElement<T: SmallNumber>(
  _ type: T.Type, _ world: borrowing Communicator, _ checks: Checks
) throws(MPIError) {
  let (rank, n) = (world.rank, world.size)
  let name = "\(type): "
  func value(_ rank: Int, _ i: Int) -> Int { 10 * rank + i }
  func block(_ rank: Int, _ count: Int) -> [T] { (0..<count).map { T(value(rank, $0)) } }
  func sums(_ range: Range<Int>) -> [T] {
    range.map { i in T((0..<n).reduce(0) { $0 + value($1, i) }) }
  }
  try checks.equal(name + "sizes agree", MemoryLayout<T>.stride, T.kind.byteCount)

  // All-reduce, in place and not, each operation.
  var reduced = block(rank, 5)
  try world.allReduce(inPlace: &reduced)
  try checks.equal(name + "all-reduce sums in place", reduced, sums(0..<5))
  reduced = block(rank, 5)
  try world.allReduce(inPlace: &reduced, .max)
  try checks.equal(name + "all-reduce takes the maximum", reduced, block(n - 1, 5))
  reduced = block(rank, 5)
  try world.allReduce(inPlace: &reduced, .min)
  try checks.equal(name + "all-reduce takes the minimum", reduced, block(0, 5))
  let input = Landing(block(rank, 3))
  let output = Landing<T>(count: 3)
  try world.allReduce(input.constant, into: output.buffer)
  try checks.equal(name + "all-reduce sums into another buffer", output.values, sums(0..<3))
  try checks.equal(name + "and leaves its input alone", input.values, block(rank, 3))

  // Reduce-scatter: block r of the summed vector lands on rank r.
  let vector = Landing(block(rank, 2 * n))
  let mine = Landing<T>(count: 2)
  try world.reduceScatter(vector.constant, into: mine.buffer)
  try checks.equal(
    name + "reduce-scatter gives each rank its block", mine.values, sums(2 * rank..<2 * rank + 2))
  try world.reduceScatter(inPlace: vector.buffer)
  try checks.equal(
    name + "reduce-scatter in place puts the block in front", Array(vector.values.prefix(2)),
    sums(2 * rank..<2 * rank + 2))

  // Broadcast from the last rank.
  var sent = rank == n - 1 ? block(7, 4) : [T](repeating: T(0), count: 4)
  try world.broadcast(&sent, root: n - 1)
  try checks.equal(name + "broadcast copies the root's values", sent, block(7, 4))
  let unknown = try world.broadcastArray(rank == 0 ? block(3, 6) : [], root: 0)
  try checks.equal(name + "broadcast of an array carries its length", unknown, block(3, 6))

  // All-gather.
  let joined = (0..<n).flatMap { block($0, 3) }
  try checks.equal(name + "all-gather joins blocks", try world.allGather(block(rank, 3)), joined)
  let places = Landing<T>(count: 3 * n)
  for i in 0..<3 { places.buffer[3 * rank + i] = T(value(rank, i)) }
  try world.allGather(inPlace: places.buffer)
  try checks.equal(name + "all-gather in place joins blocks", places.values, joined)

  // Uneven blocks: rank r gives r elements, so rank 0 gives none.
  let counts = Array(0..<n)
  let total = counts.reduce(0, +)
  let uneven = (0..<n).flatMap { block($0, $0) }
  let few = Landing(block(rank, rank))
  let all = Landing<T>(count: total)
  try world.allGather(few.constant, counts: counts, into: all.buffer)
  try checks.equal(name + "all-gather joins uneven blocks", all.values, uneven)
  let own = Landing<T>(count: total)
  let first = counts[..<rank].reduce(0, +)
  for i in 0..<rank { own.buffer[first + i] = T(value(rank, i)) }
  try world.allGather(inPlace: own.buffer, counts: counts)
  try checks.equal(name + "all-gather in place joins uneven blocks", own.values, uneven)

  // Gather, each rank the root once.
  for root in 0..<n {
    let gathered = try world.gather(block(rank, 3), root: root)
    try checks.equal(
      name + "gather joins blocks on rank \(root)", gathered, rank == root ? joined : nil)
    if rank == root {
      let room = Landing<T>(count: 3 * n)
      for i in 0..<3 { room.buffer[3 * rank + i] = T(value(rank, i)) }
      try world.gather(rootInPlace: room.buffer)
      try checks.equal(name + "gather in place on rank \(root)", room.values, joined)
    } else {
      let part = Landing(block(rank, 3))
      try world.gather(part.constant, into: nil, root: root)
      try checks.equal(name + "gather in place on rank \(root)", part.values, block(rank, 3))
    }
    let arrays = try world.gatherArrays(block(rank, rank), root: root)
    try checks.equal(
      name + "gather of uneven arrays on rank \(root)", arrays,
      rank == root ? (0..<n).map { block($0, $0) } : nil)
  }

  // A ring; with one rank it is a message to itself.
  let next = (rank + 1) % n
  let previous = (rank + n - 1) % n
  let leaving = Landing(block(rank, 4))
  let coming = Landing<T>(count: 4)
  let envelope = try world.sendReceive(
    leaving.constant, to: next, sendTag: 5, into: coming.buffer, from: previous, receiveTag: 5)
  try checks.equal(name + "send-receive round a ring", coming.values, block(previous, 4))
  try checks.equal(
    name + "its envelope", [envelope.source, envelope.tag, envelope.count], [previous, 5, 4])
}

/// Sums of bfloat16 are rounded to nearest even: of 1 and half a unit of its last place to 1, of the
/// next value and half a unit away from it.
func checkRounding(_ world: borrowing Communicator, _ checks: Checks) throws(MPIError) {
  guard world.size == 2 else { return }
  let half: UInt16 = 0x3B80  // 2^-8
  let own: [UInt16] = world.rank == 0 ? [0x3F80, 0x3F81, 0x7F7F] : [half, half, 0x7F7F]
  var words = own.map { BFloat16Word(bits: $0) }
  try world.allReduce(inPlace: &words)
  try checks.equal("bfloat16 rounds to nearest even", words.map(\.bits), [0x3F80, 0x3F82, 0x7F80])
}
