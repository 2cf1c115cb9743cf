import MPI

/// Mistakes come back as errors with text, and the job goes on.
func checkErrors(
  _ world: borrowing Communicator, _ checks: Checks
) throws(MPIError) {
  let (rank, n) = (world.rank, world.size)
  func names(_ error: MPIError?, _ words: String...) -> Bool {
    guard let text = error?.description else { return false }
    return words.allSatisfy { text.contains($0) }
  }

  let far = errorOf { () throws(MPIError) -> Void in try world.send([Float(1)], to: n) }
  try checks.expect(
    "a send to no one names the valid ranks",
    names(far, "MPI_Send", "world", "rank \(rank) of \(n)", "0...\(n - 1)"), far)
  try checks.equal("and carries the peer", far?.peer, n)
  let wildcard = errorOf { () throws(MPIError) -> Void in try world.send([Float(1)], to: -1) }
  try checks.expect("a negative rank is not a wildcard", names(wildcard, "rank -1"))
  let hidden = errorOf { () throws(MPIError) -> Void in
    _ = try world.receiveArray(of: Float.self, from: -2)
  }
  try checks.expect("nor in a receive", names(hidden, "rank -2"), hidden)

  var values: [Int32] = [1]
  for root in [-1, n] {
    let error = errorOf { () throws(MPIError) -> Void in
      try world.broadcast(&values, root: root)
    }
    try checks.expect(
      "a broadcast from rank \(root) is an error", names(error, "MPI_Bcast", "rank \(root)"))
  }
  let gather = errorOf { () throws(MPIError) -> Void in _ = try world.gather(values, root: n) }
  try checks.expect("a gather to no one is an error", names(gather, "MPI_Gather"), gather)

  // These two come from MPI itself.
  let tag = errorOf { () throws(MPIError) -> Void in
    try world.send([Float(1)], to: rank, tag: -7)
  }
  try checks.expect(
    "MPI's own text is passed on (tag)", names(tag, "MPI_Send", "tag"), tag)
  let letter = Landing<Int32>([1, 2, 3, 4])
  let small = Landing<Int32>(count: 2)
  var request = try world.startSend(letter.constant, to: rank, tag: 2)
  let truncated = errorOf { () throws(MPIError) -> Void in
    try world.receive(into: small.buffer, from: rank, tag: 2)
  }
  try request.wait()
  try checks.expect(
    "MPI's own text is passed on (truncation)", names(truncated, "MPI_Recv", "runcat"),
    truncated)
  let color = errorOf { () throws(MPIError) -> Void in
    _ = try world.split(color: -5, key: 0, label: .part)
  }
  try checks.expect("a negative color is an error", names(color, "color -5"), color)

  // Counts beyond MPI's: split where that means the same, an error elsewhere.
  var limited = try world.duplicate(label: .copy)
  limited.countLimit = 3
  var many = (0..<8).map { Int32($0 + rank) }
  try limited.allReduce(inPlace: &many)
  try checks.equal(
    "a long all-reduce goes in parts", many,
    (0..<8).map { Int32($0 * n + n * (n - 1) / 2) })
  let input = Landing<Int32>((0..<7).map { Int32($0 + rank) })
  let output = Landing<Int32>(count: 7)
  try limited.allReduce(input.constant, into: output.buffer)
  try checks.equal("into another buffer too", output.values, Array(many.prefix(7)))
  var told = rank == 0 ? (0..<8).map { Int32($0) } : [Int32](repeating: 0, count: 8)
  try limited.broadcast(&told, root: 0)
  try checks.equal("a long broadcast goes in parts", told, (0..<8).map { Int32($0) })
  let long = errorOf { () throws(MPIError) -> Void in
    try limited.send([UInt8](repeating: 0, count: 4), to: rank)
  }
  try checks.expect("a long send is an error with both numbers", names(long, "4 ", "3"), long)
  let block = errorOf { () throws(MPIError) -> Void in
    _ = try limited.allGather([UInt8](repeating: 0, count: 4))
  }
  try checks.expect("and so is a long all-gather", names(block, "MPI_Allgather"), block)
}
