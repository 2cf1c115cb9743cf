import MPI

/// How much of an all-reduce is hidden behind computing that goes on beside it: what cutting the
/// row-parallel product into chunks could gain at most.
///
/// `mpi-bench overlap` prints for each size the time of the all-reduce alone, of as much computing
/// alone, and of both, where the operation is started, the rank computes and then waits; computing in
/// one piece, and in eight with a test after each. Hidden: (all-reduce + computing - both) /
/// all-reduce; 1 where a network moves data by itself, 0 where nobody does while a rank computes.
struct Overlap: ~Copyable {
  private static let slices = 15
  private static let pieces = 8

  let world: Communicator
  private let scratch = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1024)

  init(world: consuming Communicator) {
    self.world = world
    scratch.initialize(repeating: 0)
  }

  deinit { scratch.deallocate() }

  func run() throws(MPIError) {
    if world.rank == 0 {
      print("us, medians of \(Self.slices)")
      print(row("bytes", "all-reduce", "computing", "both", "hidden", "and tests", "hidden"))
    }
    for count in [1 << 14, 1 << 18, 1 << 20, 1 << 22] {
      let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
      buffer.initialize(repeating: 0)
      defer { buffer.deallocate() }
      var alone = try time { () throws(MPIError) in try world.allReduce(inPlace: buffer) }
      // Both ranks compute as long as the slower one communicates.
      alone = try slower(alone)
      let amount = rounds(lasting: alone)
      let computing = try slower(time { () throws(MPIError) in compute(amount) })
      let both = try slower(
        time { () throws(MPIError) in
          var request = try world.startAllReduce(inPlace: buffer)
          compute(amount)
          try request.wait()
        })
      let tested = try slower(
        time { () throws(MPIError) in
          var request = try world.startAllReduce(inPlace: buffer)
          for _ in 0..<Self.pieces {
            compute(amount / Self.pieces)
            _ = try request.test()
          }
          try request.wait()
        })
      guard world.rank == 0 else { continue }
      func hidden(_ both: Double) -> String { fixed((alone + computing - both) / alone, 2) }
      print(
        row(
          "\(4 * count)", fixed(alone, 1), fixed(computing, 1), fixed(both, 1), hidden(both),
          fixed(tested, 1), hidden(tested)))
    }
  }

  private func slower(_ value: Double) throws(MPIError) -> Double {
    var values = [value]
    try world.allReduce(inPlace: &values, .max)
    return values[0]
  }

  /// Microseconds of `body`, which all ranks begin together.
  private func time(_ body: () throws(MPIError) -> Void) throws(MPIError) -> Double {
    var samples: [Double] = []
    for slice in 0...Self.slices {
      try world.barrier()
      let start = MonotonicClock.nanoseconds()
      try body()
      let time = Double(MonotonicClock.nanoseconds() - start) * 1e-3
      if slice > 0 { samples.append(time) }  // The first slice is warm-up.
    }
    return median(samples)
  }

  /// Arithmetic in a first-level cache; what it leaves in memory keeps it from being left out.
  private func compute(_ rounds: Int) {
    for _ in 0..<rounds {
      for index in scratch.indices { scratch[index] = scratch[index] * 0.5 + 1 }
    }
  }

  private func rounds(lasting microseconds: Double) -> Int {
    let sample = 1 << 12
    var best = Double.infinity
    for _ in 0..<5 {
      let start = MonotonicClock.nanoseconds()
      compute(sample)
      best = min(best, Double(MonotonicClock.nanoseconds() - start) * 1e-3)
    }
    return max(Self.pieces, Int(microseconds / best * Double(sample)))
  }
}
