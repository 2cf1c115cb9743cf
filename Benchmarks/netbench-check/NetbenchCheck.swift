import CMPIBaseline
import Glibc
import MPI
import Netbench
import NetbenchRanks
import Statistics
import Units

/// The loops that padtax netbench times, against the same MPI calls in plain C.
///
/// `mpirun -np 2 netbench-check`. Swift and C take turns slice by slice (A B B A), so that neighbours
/// in time are compared: ratio and difference are medians over the pairs of slices. PASS: within 3 % or 0.05 us.
/// Exit code 0 when all pass, 3 when one does not, 2 for a wrong number of ranks.
@main
enum NetbenchCheck {
  static let sizes = [8, 4 << 10, 64 << 10, 1 << 20, 16 << 20]
  static let repeats = 101
  static let tolerance = 0.03

  static func main() {
    do { exit(try run()) } catch {
      print("netbench-check: \(error)")
      MPIEnvironment.abort(code: 1)
    }
  }

  static func run() throws -> Int32 {
    let environment = try MPIEnvironment(threads: .funneled)
    let world = try Communicator.world(label: CommunicatorLabel(raw: 0, name: "world"))
    guard world.size == 2 else {
      if world.rank == 0 { print("netbench-check: asked for 2 ranks, found \(world.size)") }
      return 2
    }
    if world.rank == 0 {
      print("\(MPIEnvironment.libraryVersion) on \(environment.processorName)")
      print("us per call, medians of \(repeats) interleaved pairs, 2 ranks; load \(load())")
      print(row(["operation", "bytes", "C", "netbench", "ratio", "diff us", ""]))
    }
    let elements = (16 << 20) / 4
    let input = UnsafeMutableBufferPointer<Float>.allocate(capacity: elements)
    let output = UnsafeMutableBufferPointer<Float>.allocate(capacity: elements)
    input.initialize(repeating: 0)
    output.initialize(repeating: 0)
    defer {
      input.deallocate()
      output.deallocate()
    }
    var failures: [Int32] = [0]
    for operation in MeasuredOperation.allCases {
      for bytes in sizes {
        let extent = operation.extent(bytes: bytes, ranks: world.size)
        let variant = operation.variants[0]
        let loop = OperationLoop(
          operation, variant, count: extent.count, ranks: world.size, input: input,
          output: output)
        let pairs = try compare(loop, extent, input, output, world)
        guard world.rank == 0 else { continue }
        let ratio = try Sample(pairs.map { $0.swift / $0.c }).median
        let difference = try Sample(pairs.map { $0.swift - $0.c }).median
        let passes = abs(ratio - 1) <= tolerance || abs(difference) <= 0.05
        failures[0] += passes ? 0 : 1
        print(
          row([
            operation.rawValue, "\(extent.size)", try Sample(pairs.map(\.c)).median.fixed(3),
            try Sample(pairs.map(\.swift)).median.fixed(3), ratio.fixed(3),
            difference.fixed(3), passes ? "PASS" : "FAIL",
          ]))
      }
    }
    if world.rank == 0 { print("load at the end \(load())") }
    try world.broadcast(&failures, root: 0)
    return failures[0] == 0 ? 0 : 3
  }

  /// Pairs of microseconds per call on this rank. Collective.
  static func compare(
    _ loop: OperationLoop, _ extent: (count: Int, size: Int),
    _ input: UnsafeMutableBufferPointer<Float>, _ output: UnsafeMutableBufferPointer<Float>,
    _ world: borrowing Communicator
  ) throws -> [(c: Double, swift: Double)] {
    // About a millisecond a slice where messages are short; ping-pong and barriers double it.
    let calls = max(2, min(500, (2 << 20) / extent.size))
    let scale = 1e6 / Double(calls * (loop.operation == .pingPong ? 2 : 1))
    func c() -> Double {
      cmpi_baseline_loop(
        loop.operation.baseline, input.baseAddress, output.baseAddress, Int32(extent.count),
        Int32(calls)) * scale
    }
    func swift() throws -> Double { try loop.run(calls: calls, on: world) * scale }
    var pairs: [(c: Double, swift: Double)] = []
    for turn in -4..<repeats {
      let pair: (c: Double, swift: Double)
      if turn % 2 == 0 {
        let first = c()
        pair = (first, try swift())
      } else {
        let first = try swift()
        pair = (c(), first)
      }
      if turn >= 0 { pairs.append(pair) }  // The first four are warm-up.
    }
    return pairs
  }

  /// Processes that wanted to run in the last minute.
  static func load() -> String {
    var loads = [0.0, 0.0, 0.0]
    return getloadavg(&loads, 3) > 0 ? loads[0].fixed(1) : "unknown"
  }

  static func row(_ cells: [String]) -> String {
    cells.map { (" " + $0).padded(to: 14) }.joined()
  }
}

extension MeasuredOperation {
  var baseline: cmpi_baseline_operation {
    switch self {
    case .pingPong: CMPI_BASELINE_PING_PONG
    case .allReduce: CMPI_BASELINE_ALL_REDUCE
    case .allGather: CMPI_BASELINE_ALL_GATHER
    case .reduceScatter: CMPI_BASELINE_REDUCE_SCATTER
    case .broadcast: CMPI_BASELINE_BROADCAST
    case .gather: CMPI_BASELINE_GATHER
    }
  }
}
