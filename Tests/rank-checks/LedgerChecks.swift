import MPI

/// The ledger's events, exactly.
func checkLedger(
  _ world: borrowing Communicator, _ ledger: TrafficLedger, _ checks: Checks
) throws(MPIError) {
  let (rank, n) = (world.rank, world.size)
  struct Line: Equatable {
    var operation: TrafficOperation
    var element: ElementKind
    var label: UInt8
    var peer: Int
    var count: Int
    var bytes: Int
  }
  func lines() -> [Line] {
    ledger.events().map {
      Line(
        operation: $0.operation, element: $0.element, label: $0.label, peer: Int($0.peer),
        count: $0.count, bytes: $0.bytes)
    }
  }
  ledger.clear()
  try checks.equal("a cleared ledger is empty", ledger.count, 0)

  ledger.context = TrafficContext(phase: 2, units: 64, usefulUnits: 40)
  var floats: [Float] = [1, 2, 3]
  try world.allReduce(inPlace: &floats)
  try world.broadcast(&floats, root: n - 1)
  _ = try world.allGather([Int64(rank)])
  let vector = Landing<Double>([Double](repeating: 1, count: 2 * n))
  try world.reduceScatter(inPlace: vector.buffer)
  _ = try world.gather([UInt8(rank), 0], root: 0)
  try world.barrier()
  let wanted = [
    Line(operation: .allReduce, element: .float, label: 1, peer: -1, count: 3, bytes: 12),
    Line(operation: .broadcast, element: .float, label: 1, peer: n - 1, count: 3, bytes: 12),
    Line(operation: .allGather, element: .int64, label: 1, peer: -1, count: n, bytes: 8 * n),
    Line(
      operation: .reduceScatter, element: .double, label: 1, peer: -1, count: 2 * n,
      bytes: 16 * n),
    Line(
      operation: .gather, element: .uint8, label: 1, peer: 0, count: rank == 0 ? 2 * n : 2,
      bytes: rank == 0 ? 2 * n : 2),
    Line(operation: .barrier, element: .uint8, label: 1, peer: -1, count: 0, bytes: 0),
  ]
  try checks.equal("collectives are recorded exactly", lines(), wanted)
  let events = ledger.events()
  try checks.expect(
    "each event carries the context",
    events.allSatisfy { $0.context == TrafficContext(phase: 2, units: 64, usefulUnits: 40) })
  try checks.expect(
    "times do not run backwards",
    events.allSatisfy { $0.start > 0 && $0.start <= $0.end }
      && zip(events, events.dropFirst()).allSatisfy { $0.end <= $1.start })

  // Messages: the receive counts what came; a parted call is one event; a child has its label.
  ledger.clear()
  ledger.context = TrafficContext()
  let part = try world.duplicate(label: .copy)
  let next = (rank + 1) % n
  let previous = (rank + n - 1) % n
  let out = Landing<Int32>([1, 2])
  let into = Landing<Int32>(count: 6)
  var request = try part.startSend(out.constant, to: next, tag: 1)
  try part.receive(into: into.buffer, from: nil, tag: 1)
  try request.wait()
  try part.sendReceive(out.constant, to: next, into: into.buffer, from: previous)
  try checks.equal(
    "messages are recorded exactly", lines(),
    [
      Line(operation: .startSend, element: .int32, label: 4, peer: next, count: 2, bytes: 8),
      Line(operation: .receive, element: .int32, label: 4, peer: previous, count: 2, bytes: 8),
      Line(operation: .wait, element: .int32, label: 4, peer: next, count: 0, bytes: 0),
      Line(operation: .sendReceive, element: .int32, label: 4, peer: next, count: 4, bytes: 16),
    ])

  ledger.clear()
  _ = errorOf { () throws(MPIError) -> Void in try world.send(floats, to: n) }
  try checks.equal("a failed call is not recorded", ledger.count, 0)
  ledger.isRecording = false
  try world.barrier()
  try checks.equal("a paused ledger records nothing", ledger.count, 0)
  ledger.isRecording = true

  // Room for 4; after 100 events it has doubled to 128, and clearing keeps the room.
  let small = TrafficLedger(capacity: 4)
  let watched = try Communicator.world(label: .copy, ledger: small)
  for root in 0..<100 { try watched.broadcast(&floats, root: root % n) }
  try checks.equal("a full ledger doubles", [small.count, small.capacity], [100, 128])
  try checks.equal(
    "and keeps what it held", small.events().map(\.peer), (0..<100).map { Int32($0 % n) })
  let borrowed = small.withEvents { $0.count }
  try checks.equal("its events can be borrowed", borrowed, 100)
  small.clear()
  try checks.equal("clearing keeps the memory", [small.count, small.capacity], [0, 128])
}
