import MPI
import Netbench

/// Calls an operation once on known data and counts the elements that came out wrong.
struct DataCheck {
  /// What the first wrong element is, in a sentence; nil where all are right.
  private(set) var complaint: String?
  private(set) var wrong = 0

  /// Element `index` of rank `rank`: a small whole number, so that sums are exact in any order. The
  /// period is prime, so that a block in the wrong place differs.
  private static func element(_ index: Int, of rank: Int) -> Float {
    Float((index + 13 * rank) % period + 1)
  }
  private static let period = 61

  /// Collective.
  /// - Parameter spoil: adds one to the last element that came out, to see this check fail.
  init(
    _ loop: OperationLoop, on communicator: borrowing Communicator, spoil: Bool
  ) throws(MPIError) {
    let (input, output, count) = (loop.input, loop.output, loop.count)
    let (rank, size) = (communicator.rank, communicator.size)
    let constant = UnsafeBufferPointer(input)
    for index in input.indices { input[index] = Self.element(index, of: rank) }
    for index in output.indices { output[index] = -1 }
    // What the output should hold: whose elements, from which index on.
    var found = output
    var wanted: (Int) -> Float = { Self.element($0 % count, of: $0 / count) }
    switch (loop.operation, loop.variant) {
    case (.pingPong, _):
      _ = try communicator.sendReceive(
        constant, to: 1 - rank, into: output, from: 1 - rank)
      wanted = { Self.element($0, of: 1 - rank) }
    case (.allReduce, let variant):
      if variant == .inPlace {
        _ = output.update(fromContentsOf: input)
        try communicator.allReduce(inPlace: output)
      } else {
        try communicator.allReduce(constant, into: output)
      }
      wanted = Self.sums(ranks: size)
    case (.reduceScatter, let variant):
      if variant == .inPlace {
        _ = output.update(fromContentsOf: input)
        try communicator.reduceScatter(inPlace: output)
      } else {
        try communicator.reduceScatter(constant, into: output)
      }
      found = UnsafeMutableBufferPointer(rebasing: output[..<count])
      let sums = Self.sums(ranks: size)
      wanted = { sums($0 + rank * count) }
    case (.allGather, let variant):
      if variant == .inPlace {
        for index in 0..<count { output[rank * count + index] = input[index] }
        try communicator.allGather(inPlace: output)
      } else {
        try communicator.allGather(constant, into: output)
      }
    case (.gather, _):
      try loop.gather(communicator)
      if rank != 0 { return }
    case (.broadcast, _):
      if rank == 0 { _ = output.update(fromContentsOf: input) }
      try communicator.broadcast(output, root: 0)
      wanted = { Self.element($0, of: 0) }
    }
    if spoil, let last = found.indices.last { found[last] += 1 }
    compare(found, wanted)
  }

  private mutating func compare(
    _ found: UnsafeMutableBufferPointer<Float>, _ wanted: (Int) -> Float
  ) {
    for index in found.indices where found[index] != wanted(index) {
      wrong += 1
      complaint =
        complaint
        ?? "element \(index) of \(found.count) is \(found[index]), wanted \(wanted(index))"
    }
  }

  /// Sums over ranks, which repeat with the elements' period.
  private static func sums(ranks: Int) -> (Int) -> Float {
    let sums = (0..<period).map { index in
      (0..<ranks).reduce(Float(0)) { $0 + element(index, of: $1) }
    }
    return { sums[$0 % period] }
  }
}
