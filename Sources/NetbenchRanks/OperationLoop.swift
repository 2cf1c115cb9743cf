import MPI
import Netbench

/// The loops that are timed: one operation called again and again on one communicator, nothing else
/// between two clock readings.
public struct OperationLoop {
  public let operation: MeasuredOperation
  public let variant: MeasuredOperation.Variant
  /// Count argument of the call.
  let count: Int
  let input: UnsafeMutableBufferPointer<Float>
  let output: UnsafeMutableBufferPointer<Float>

  /// - Parameters:
  ///   - count: elements of the message, or of one rank's block.
  ///   - input, output: memory for `count` elements of each rank, which must outlive the loop.
  public init(
    _ operation: MeasuredOperation, _ variant: MeasuredOperation.Variant, count: Int, ranks: Int,
    input: UnsafeMutableBufferPointer<Float>, output: UnsafeMutableBufferPointer<Float>
  ) {
    self.operation = operation
    self.variant = variant
    self.count = count
    let total = operation.hasBlocks ? count * ranks : count
    precondition(
      input.count >= total && output.count >= total, "both buffers hold the whole vector")
    // Only all-gather and gather read one block; only reduce-scatter writes one.
    let readsBlock = operation == .allGather || operation == .gather
    self.input = UnsafeMutableBufferPointer(rebasing: input[..<(readsBlock ? count : total)])
    let writesBlock = operation == .reduceScatter && variant == .outOfPlace
    self.output = UnsafeMutableBufferPointer(rebasing: output[..<(writesBlock ? count : total)])
  }

  /// The rank that holds the clock, nil for all: of a ping-pong's ranks the first sees all round
  /// trips end.
  static func clockHolder(_ operation: MeasuredOperation) -> Int? {
    operation == .pingPong ? 0 : nil
  }

  /// Times of a call in which a message goes over the link once: ping-pong makes two of them.
  static func hops(_ operation: MeasuredOperation) -> Int { operation == .pingPong ? 2 : 1 }

  /// Seconds that `calls` calls in a row take on this rank, behind a barrier. Of an operation that is
  /// rooted each call has a barrier after it, see `barriers`. Collective.
  public func run(calls: Int, on communicator: borrowing Communicator) throws(MPIError) -> Double {
    try communicator.barrier()
    let start = MonotonicClock.nanoseconds()
    switch (operation, variant) {
    case (.pingPong, _): try pingPong(calls, communicator)
    case (.allReduce, .inPlace):
      for _ in 0..<calls { try communicator.allReduce(inPlace: output) }
    case (.allReduce, .outOfPlace):
      let input = UnsafeBufferPointer(input)
      for _ in 0..<calls { try communicator.allReduce(input, into: output) }
    case (.allGather, .inPlace):
      for _ in 0..<calls { try communicator.allGather(inPlace: output) }
    case (.allGather, .outOfPlace):
      let input = UnsafeBufferPointer(input)
      for _ in 0..<calls { try communicator.allGather(input, into: output) }
    case (.reduceScatter, .inPlace):
      for _ in 0..<calls { try communicator.reduceScatter(inPlace: output) }
    case (.reduceScatter, .outOfPlace):
      let input = UnsafeBufferPointer(input)
      for _ in 0..<calls { try communicator.reduceScatter(input, into: output) }
    case (.broadcast, _):
      for _ in 0..<calls {
        try communicator.broadcast(output, root: 0)
        try communicator.barrier()
      }
    case (.gather, _):
      for _ in 0..<calls {
        try gather(communicator)
        try communicator.barrier()
      }
    }
    return Double(MonotonicClock.nanoseconds() - start) * 1e-9
  }

  /// Seconds that `calls` barriers in a row take: what `run` has beside a rooted operation, whose
  /// ranks would run ahead of each other. The last rank to finish the operation is the last in the
  /// barrier, so the difference is the time until all have finished. Collective.
  public static func barriers(
    calls: Int, on communicator: borrowing Communicator
  ) throws(MPIError) -> Double {
    try communicator.barrier()
    let start = MonotonicClock.nanoseconds()
    for _ in 0..<calls { try communicator.barrier() }
    return Double(MonotonicClock.nanoseconds() - start) * 1e-9
  }

  private func pingPong(_ calls: Int, _ communicator: borrowing Communicator) throws(MPIError) {
    let input = UnsafeBufferPointer(input)
    if communicator.rank == 0 {
      for _ in 0..<calls {
        try communicator.send(input, to: 1)
        try communicator.receive(into: output, from: 1)
      }
    } else {
      for _ in 0..<calls {
        try communicator.receive(into: output, from: 0)
        try communicator.send(input, to: 0)
      }
    }
  }

  func gather(_ communicator: borrowing Communicator) throws(MPIError) {
    try communicator.gather(
      UnsafeBufferPointer(input), into: communicator.rank == 0 ? output : nil, root: 0)
  }
}
