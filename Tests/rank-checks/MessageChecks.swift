import MPI

func checkEnvironment(
  _ environment: borrowing MPIEnvironment, _ world: borrowing Communicator, _ checks: Checks
) throws(MPIError) {
  try checks.expect("the thread level is what was asked or more", environment.threads >= .funneled)
  try checks.expect(
    "the library says who it is", MPIEnvironment.libraryVersion.contains("MPI"),
    MPIEnvironment.libraryVersion)
  try checks.expect("the standard is 3.0 or later", MPIEnvironment.standardVersion >= "3.0")
  try checks.expect("the processor has a name", !environment.processorName.isEmpty)
  let again = errorOf { () throws(MPIError) -> Void in _ = try MPIEnvironment() }
  try checks.expect(
    "a second initialisation is an error", again?.text.contains("only once") == true, again)
  try checks.expect("rank lies within size", (0..<world.size).contains(world.rank))
}

/// Blocking messages: order, tags, wildcards, probes, empty ones, messages to oneself.
func checkMessages(
  _ world: borrowing Communicator, _ checks: Checks
) throws(MPIError) {
  let (rank, n) = (world.rank, world.size)
  // Each other rank sends two messages of different tag and length; rank 0 takes them tag 8 first.
  if rank == 0 {
    var right = true
    for peer in 1..<max(n, 1) where n > 1 {
      var late = [Int32](repeating: 0, count: 5)
      let second = try world.receive(into: &late, from: peer, tag: 8)
      let early = try world.receiveArray(of: Int32.self, from: peer, tag: 7)
      right = right && second.count == 2 && late == [Int32(peer), 80, 0, 0, 0]
      right = right && early == [Int32](repeating: Int32(peer), count: 3)
    }
    try checks.expect("tags select messages, and shorter ones fit longer buffers", right)
  } else {
    try world.send([Int32](repeating: Int32(rank), count: 3), to: 0, tag: 7)
    try world.send([Int32(rank), 80], to: 0, tag: 8)
    try checks.expect("tags select messages, and shorter ones fit longer buffers", true)
  }

  if rank == 0 {
    var seen: Set<Int> = []
    for _ in 1..<max(n, 1) where n > 1 {
      let envelope = try world.probe(Float.self, from: nil, tag: nil)
      let values = try world.receiveArray(
        of: Float.self, from: envelope.source, tag: envelope.tag)
      if values.count == envelope.source && envelope.tag == 20 + envelope.source {
        seen.insert(envelope.source)
      }
    }
    try checks.equal("any source and any tag take each message once", seen, Set(1..<max(n, 1)))
  } else {
    try world.send([Float](repeating: 1, count: rank), to: 0, tag: 20 + rank)
    try checks.expect("any source and any tag take each message once", true)
  }

  let nothing = try world.probeNow(Float.self, from: nil, tag: 999)
  try checks.equal("a probe that finds nothing says so", nothing, nil)
  try world.barrier()

  // To oneself: the send starts, so that it cannot block.
  let letter = Landing<Double>([3, 4])
  var request = try world.startSend(letter.constant, to: rank, tag: 3)
  let found = try world.probe(Int32.self, from: rank, tag: 3)
  let answer = try world.receiveArray(of: Double.self, from: rank, tag: 3)
  try request.wait()
  try checks.equal("a rank can write to itself", answer, [3, 4])
  try checks.equal("a probe counts in the elements it was asked for", found.count, 4)

  let empty = Landing<Float>(count: 0)
  var none = try world.startSend(empty.constant, to: rank, tag: 4)
  let got = try world.receive(into: empty.buffer, from: rank, tag: 4)
  try none.wait()
  try checks.equal("an empty message arrives", got, Envelope(source: rank, tag: 4, count: 0))
  var nobody: [Float] = []
  try world.allReduce(inPlace: &nobody)
  try world.broadcast(&nobody, root: 0)
  let noneGathered = try world.allGather(nobody)
  try checks.equal("empty collectives do nothing", noneGathered, [])
}
