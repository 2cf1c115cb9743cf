import CKernels
import Kernels
import Tensors

/// What all measurements share: the backends and this run's ceilings.
struct Bench {
  let cpu: CPUBackend
  /// The same machine with every linear layer on padtax's own kernel.
  let own: CPUBackend
  /// The same machine with every linear layer in the library.
  let library: CPUBackend
  /// GB/s of one thread reading memory in eight streams.
  let bandwidth: Double
  /// GFLOP/s of multiply-adds on registers.
  let peak: Double

  /// Linear layers of qwen2.5-0.5b: (name, inputs, outputs); LM head apart.
  static let layers = [
    ("qkv", 896, 1152), ("output", 896, 896), ("gate|up", 896, 9728), ("down", 4864, 896),
  ]

  init() throws {
    cpu = try CPUBackend()
    own = try CPUBackend(
      dispatch: LinearDispatch(ownVectorProduct: true, ownRows: .max, isPacked: true))
    library = try CPUBackend(dispatch: LinearDispatch(ownVectorProduct: false, ownRows: 1))
    bandwidth = try cpu.measureReadBandwidth()
    peak = cpu.measureMultiplyAddPeak()
  }

  func printMachine() {
    let p = cpu.provenance
    print("kernels \(p.instructionSet); \(p.library); core \(p.core); \(p.version)")
    for line in p.notes + p.warnings { print(line) }
    print("read \(fixed(bandwidth)) GB/s, multiply-add peak \(fixed(peak)) GFLOP/s, one thread")
  }

  /// A matrix with elements in -0.5..<0.5, so that no product meets denormals or infinities.
  func filled(_ rows: Int, _ columns: Int) throws -> Matrix {
    let matrix = try cpu.matrix(rows: rows, columns: columns)
    var state: UInt32 = 12345
    for index in 0..<matrix.count {
      state = state &* 1_664_525 &+ 1_013_904_223
      matrix.pointer[index] = Float(state >> 8) / Float(1 << 24) - 0.5
    }
    return matrix
  }

  /// The elements of such a matrix in a format.
  func filled(_ rows: Int, _ columns: Int, _ format: StorageFormat) throws -> Storage {
    let elements = try filled(rows, columns)
    guard format == .bfloat16 else { return elements.storage }
    let halves = try cpu.matrix(rows: 1, columns: format.floats(for: elements.count)).storage
    for index in 0..<elements.count {
      halves.bfloat16Pointer[index] = BFloat16Bits(rounding: elements.pointer[index])
    }
    return halves
  }

  /// Best seconds of each of several bodies, run in turn `rounds` times after one warm-up round.
  func interleaved(_ rounds: Int, _ bodies: [(Int) -> Void]) -> [Double] {
    var best = [Double](repeating: .infinity, count: bodies.count)
    for round in 0...rounds {
      for (index, body) in bodies.enumerated() {
        let start = ck_seconds()
        body(round)
        let seconds = ck_seconds() - start
        if round > 0 { best[index] = min(best[index], seconds) }
      }
    }
    return best
  }

  /// Operations of `multiplyAdds`.
  var multiplyAddOperations: Double { Self.operations(ck_best_kernels().pointee.multiply_add) }

  /// Multiply-adds in float32 on registers, to stand beside other bodies.
  func multiplyAdds(_ round: Int) { _ = multiplyAddOperations }

  /// Runs multiply-adds on registers, about 0.1 ms, and returns how many operations they were.
  static func operations(
    _ multiplyAdd: (Int, UnsafeMutablePointer<Float>) -> Double
  ) -> Double {
    var witness: [Float] = [0.999, 0.001]
    return multiplyAdd(20_000, &witness)
  }

  /// A figure with two decimals.
  func fixed(_ value: Double) -> String {
    let cents = Int((value * 100).rounded())
    let rest = cents % 100
    return "\(cents / 100).\(rest < 10 ? "0" : "")\(rest)"
  }
}
