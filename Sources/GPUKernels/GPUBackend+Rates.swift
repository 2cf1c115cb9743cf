import Kernels
import Tensors

extension GPUBackend {
  /// FLOP/s of `y = x W^T` on random matrices of these sizes, bias and other work left out: the best
  /// of some samples of stream time, after one to warm up.
  /// - Throws: what allocating throws.
  public func measureProductRate(
    rows: Int, inputs: Int, outputs: Int, rounds: Int = 4
  ) throws -> Double {
    let x = try randomMatrix(rows: rows, columns: inputs)
    let weight = try makeLinear(randomMatrix(rows: outputs, columns: inputs), bias: nil)
    let y = try matrix(rows: rows, columns: outputs)
    linear(x, weight, into: y)
    var best = UInt64.max
    for _ in 0..<3 {
      let start = timer.now()
      for _ in 0..<rounds { linear(x, weight, into: y) }
      best = min(best, timer.now() &- start)
    }
    let operations = 2 * Double(rows) * Double(inputs) * Double(outputs) * Double(rounds)
    return operations / (Double(max(best, 1)) * 1e-9)
  }

  /// FLOP/s of square products: the best of sides that double from 256 until one takes a millisecond
  /// or there is no memory for it. The card's own ceiling, not its data sheet's.
  public func measurePeakRate() throws -> Double {
    var (side, best) = (256, 0.0)
    while side <= 8192 {
      // Other ranks may hold the card's memory.
      guard 3 * side * side * weightFormat.byteCount < (freeMemory ?? 0) / 2 else { break }
      let rate = try measureProductRate(rows: side, inputs: side, outputs: side)
      best = max(best, rate)
      guard 2 * Double(side) * Double(side) * Double(side) / rate < 1e-3 else { break }
      side *= 2
    }
    return best
  }

  private func randomMatrix(rows: Int, columns: Int) throws -> Matrix {
    let made = try matrix(rows: rows, columns: columns)
    _ = fill(
      made,
      NormalBlock(
        seed: 1, stream: UInt64(made.count), first: 0, step: UInt64(columns), mean: 0,
        deviation: 1))
    return made
  }
}
