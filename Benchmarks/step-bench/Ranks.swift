import Glibc
import Kernels
import MPI

/// The ranks of the launch, and what measuring together needs.
final class Ranks {
  let world: Communicator
  /// This process alone, as a launch of one rank.
  let own: Communicator
  /// Seconds for taking disturbed samples again, and what is left of them in this section.
  private let patience: Double
  private var left: Double
  private(set) var samples = 0
  private(set) var disturbed = 0

  /// A sample counts as undisturbed when every rank had a core for this share of it. MPI waits by
  /// spinning, so on a quiet machine the share is 1.
  private static let ownCore = 0.98
  /// Seconds before a disturbed sample is taken again.
  private static let pause = 0.2

  let precision: StepBench.Precision
  let blas: BLASSelection
  /// Threads of each rank.
  let threads: Int

  init(
    patience: Double, precision: StepBench.Precision, blas: BLASSelection, threads: Int
  ) throws(MPIError) {
    self.precision = precision
    self.blas = blas
    self.threads = threads
    let label = CommunicatorLabel(raw: 0, name: "bench")
    world = try Communicator.world(label: label, ledger: TrafficLedger())
    own = try Communicator.ownSelf(label: label, ledger: TrafficLedger())
    self.patience = patience
    left = patience
  }

  /// Allows disturbed samples their time again.
  func beginSection() { left = patience }

  var count: Int { world.size }
  var isRoot: Bool { world.rank == 0 }

  /// What `body` measured, in seconds, when all ranks started it together: the slowest rank's, on
  /// every rank. A sample during which another process took a rank's core is taken again.
  func sample(_ body: () throws -> Double) throws -> Double {
    try undisturbed {
      try world.barrier()
      let result = try Self.watched(body)
      return (try slowest(result.value), -(try slowest(-result.share)), try slowest(result.wall))
    }
  }

  /// Wall seconds of `body`, sampled.
  func seconds(_ body: () throws -> Void) throws -> Double {
    try sample {
      let start = MonotonicClock.nanoseconds()
      try body()
      return Double(MonotonicClock.nanoseconds() - start) * 1e-9
    }
  }

  /// What `body` measured on the root while the other ranks left their cores idle; the same on
  /// every rank.
  func sampleAlone(_ body: () throws -> Double) throws -> Double {
    try undisturbed {
      var result = [0.0, 0, 0]
      guard !isRoot else {
        let mine = try Self.watched(body)
        result = [mine.value, mine.share, mine.wall]
        for peer in 1..<count { try world.send(result, to: peer) }
        return (result[0], result[1], result[2])
      }
      // A blocking receive would spin on the core, so the message is looked for now and then.
      while try world.probeNow(Double.self, from: 0) == nil { usleep(500) }
      try world.receive(into: &result, from: 0)
      return (result[0], result[1], result[2])
    }
  }

  /// The largest of the ranks' values, on every rank.
  func slowest(_ value: Double) throws(MPIError) -> Double {
    var values = [value]
    try world.allReduce(inPlace: &values, .max)
    return values[0]
  }

  private typealias Watched = (value: Double, share: Double, wall: Double)

  /// Repeats `take`, whose result is the same on every rank, while it is disturbed.
  private func undisturbed(_ take: () throws -> Watched) throws -> Double {
    samples += 1
    while true {
      let result = try take()
      if result.share >= Self.ownCore { return result.value }
      // The neighbour is given time to finish.
      left -= result.wall + Self.pause
      guard left > 0 else {
        disturbed += 1
        return result.value
      }
      usleep(UInt32(Self.pause * 1e6))
    }
  }

  /// Runs `body`; its result, the share of the time that this thread ran, and the wall seconds.
  private static func watched(_ body: () throws -> Double) rethrows -> Watched {
    let wall = MonotonicClock.nanoseconds()
    let own = threadSeconds()
    let value = try body()
    let seconds = Double(MonotonicClock.nanoseconds() - wall) * 1e-9
    return (value, (threadSeconds() - own) / seconds, seconds)
  }

  private static func threadSeconds() -> Double {
    var time = timespec()
    // A valid clock with a valid address cannot fail (clock_gettime(2)).
    _ = clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }
}
