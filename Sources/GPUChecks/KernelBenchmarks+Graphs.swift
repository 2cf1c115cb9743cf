import GPUKernels
import Glibc

extension KernelBenchmarks {
  /// Rows of the decode step that is timed as a graph; a backend that is to be timed keeps them.
  public static let graphSizes = [8]

  /// A decode step of a small model (Qwen2.5-0.5B's shapes; `isLarge` false: a tiny one), whose kernels
  /// are shorter than it takes to start them: by the host's clock, from the first call to when the device
  /// is through, without graphs and with.
  public mutating func runSteps(_ gpu: GPUBackend, isLarge: Bool) throws {
    guard let rows = Self.graphSizes.first else { return }
    let (count, context) = isLarge ? (24, 1000) : (2, 6)
    let layers = try DecodeLayers(
      gpu,
      isLarge
        ? Widths(hidden: 896, feedForward: 4864, queryHeads: 14, kvHeads: 2, headDimension: 64)
        : Widths(hidden: 64, feedForward: 32, queryHeads: 2, kvHeads: 1, headDimension: 64),
      layers: count, sequences: rows, capacity: context + 8)
    func best(asGraph: Bool) -> Double {
      var best = Double.infinity
      for round in 0..<(isLarge ? 50 : 5) {
        // Another context each time, so that lists are sent as in an engine.
        let start = Self.now()
        layers.step(context: context + round % 5, asGraph: asGraph)
        gpu.synchronize()
        best = min(best, Self.now() - start)
      }
      return best
    }
    let plain = best(asGraph: false)
    let graphed = best(asGraph: true)
    let name = "decode step, \(count) layers, \(rows) sequences"
    add("\(name), without graphs", plain * 1e6, "us")
    add("\(name), as graphs", graphed * 1e6, "us")
    add("\(name), without / as graphs", plain / graphed, "x")
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
