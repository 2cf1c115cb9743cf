import Kernels
import MPI

/// Sums of hidden states as the engine makes them, with the ledger on: rows of 896 columns, in place.
///
/// `mpi-bench all-reduce` prints for each shape and format microseconds of the call and, in bf16, of
/// the call with rounding before it and widening behind it. `scripts/bench-settings` runs it under
/// several settings of MPI in turns.
struct HiddenStates: ~Copyable {
  static let columns = 896
  static let rows = [1, 2, 8, 32, 64, 512, 4096]
  private static let slices = 25

  let world: Communicator
  let ledger: TrafficLedger

  func run() throws(MPIError) {
    let most = Self.columns * (Self.rows.max() ?? 1)
    let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: most)
    let words = UnsafeMutableBufferPointer<BFloat16Word>.allocate(capacity: most)
    floats.initialize(repeating: 0)
    words.initialize(repeating: BFloat16Word(bits: 0))
    defer {
      floats.deallocate()
      words.deallocate()
    }
    for rows in Self.rows {
      let count = rows * Self.columns
      let hidden = UnsafeMutableBufferPointer(rebasing: floats[..<count])
      let wire = UnsafeMutableBufferPointer(rebasing: words[..<count])
      let single = try time(4 * count) { () throws(MPIError) in
        try world.allReduce(inPlace: hidden)
      }
      report(rows, "fp32", single)
      let call = try time(2 * count) { () throws(MPIError) in try world.allReduce(inPlace: wire) }
      let path = try time(2 * count) { () throws(MPIError) in
        guard let from = hidden.baseAddress, let to = wire.baseAddress else { return }
        RowConversion.round(from, count, into: to)
        try world.allReduce(inPlace: wire)
        RowConversion.widen(to, count, into: from)
      }
      report(rows, "bf16", call, path)
    }
  }

  private func report(_ rows: Int, _ format: String, _ call: Double, _ path: Double? = nil) {
    guard world.rank == 0 else { return }
    print("\(rows) \(format) \(fixed(call, 3)) \(fixed(path ?? call, 3))")
  }

  /// Microseconds of one call of `body`, the median of slices of about half a millisecond.
  private func time(_ bytes: Int, _ body: () throws(MPIError) -> Void) throws(MPIError) -> Double {
    let calls = max(2, min(300, (2 << 20) / bytes))
    var samples: [Double] = []
    for slice in 0...Self.slices {
      ledger.clear()
      try world.barrier()
      let start = MonotonicClock.nanoseconds()
      for _ in 0..<calls { try body() }
      let time = Double(MonotonicClock.nanoseconds() - start) * 1e-3 / Double(calls)
      if slice > 0 { samples.append(time) }  // The first slice is warm-up.
    }
    return median(samples)
  }
}
