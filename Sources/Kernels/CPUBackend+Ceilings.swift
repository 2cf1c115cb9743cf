import CKernels
import Tensors

extension CPUBackend {
  /// GFLOP/s of the bare `cblas_sgemm` at `[rows, inputs] x [outputs, inputs]^T`, best of
  /// `repeats` after one warm-up call; a multiply-add counts two.
  public func measureSgemmRate(
    rows: Int, inputs: Int, outputs: Int, repeats: Int = 3
  ) throws -> Double {
    let x = try matrix(rows: rows, columns: inputs)
    let w = try matrix(rows: outputs, columns: inputs)
    let y = try matrix(rows: rows, columns: outputs)
    var best = Double.infinity
    for _ in 0...repeats { best = min(best, secondsOfSgemm(x, w, into: y)) }
    return 2e-9 * Double(rows) * Double(inputs) * Double(outputs) / best
  }

  /// GFLOP/s of the product that linear layers of `weightFormat` are made of: the bare
  /// `cblas_sgemm`, or the product with packed weights.
  public func measureProductRate(
    rows: Int, inputs: Int, outputs: Int, repeats: Int = 3
  ) throws -> Double {
    guard packsWeights else {
      return try measureSgemmRate(rows: rows, inputs: inputs, outputs: outputs, repeats: repeats)
    }
    let x = try matrix(rows: rows, columns: inputs)
    let weight = try makeLinear(matrix(rows: outputs, columns: inputs), bias: nil)
    let y = try matrix(rows: rows, columns: outputs)
    var best = Double.infinity
    for _ in 0...repeats {
      let start = ck_seconds()
      linear(x, weight, into: y)
      best = min(best, ck_seconds() - start)
    }
    return 2e-9 * Double(rows) * Double(inputs) * Double(outputs) / best
  }

  /// Seconds of a bare `cblas_sgemm`, one call a thread, `y = x w^T`: what a linear layer is
  /// compared with.
  public func secondsOfSgemm(_ x: Matrix, _ w: Matrix, into y: Matrix) -> Double {
    precondition(
      x.rows == y.rows && x.columns == w.columns && w.rows == y.columns,
      "[\(x.rows), \(x.columns)] times [\(w.rows), \(w.columns)]^T does not give "
        + "[\(y.rows), \(y.columns)]")
    let parts = ProductParts(rows: x.rows, outputs: w.rows, threads: team.threads)
    let start = ck_seconds()
    team.run(parts) { rows, outputs, _ in
      blas.product(
        rows: rows.count, outputs: outputs.count, inputs: w.columns, x: x.row(rows.lowerBound),
        xStride: x.stride, w: w.row(outputs.lowerBound), wStride: w.stride, beta: 0,
        y: y.row(rows.lowerBound) + outputs.lowerBound, yStride: y.stride)
    }
    return ck_seconds() - start
  }

  /// GB/s of reading `bytes` of memory once, each thread its share in eight streams, best of
  /// `repeats`. The buffer has to exceed the last-level cache for the figure to be memory's.
  public func measureReadBandwidth(bytes: Int = 256 << 20, repeats: Int = 3) throws -> Double {
    let memory = try matrix(rows: 1, columns: bytes / MemoryLayout<Float>.stride)
    // Untouched pages would all be one page of zeros.
    memory.pointer.update(repeating: 1, count: memory.count)
    var best = Double.infinity
    for _ in 0..<repeats {
      let start = ck_seconds()
      _ = readStreams(memory)
      best = min(best, ck_seconds() - start)
    }
    return 4e-9 * Double(memory.count) / best
  }

  /// Reads a contiguous matrix once, the way `measureReadBandwidth` does, and returns the sum, which
  /// has no meaning beyond proving the reads.
  public func readStreams(_ matrix: Matrix) -> Float {
    precondition(matrix.isContiguous, "a strided view cannot be read as one block")
    return sumOverThreads { thread in
      let share = ThreadTeam.share(thread, of: team.threads, in: matrix.count)
      return kernels.read_streams(matrix.pointer + share.lowerBound, share.count)
    }
  }

  /// GFLOP/s of multiply-adds in float32 on registers on all threads, best runs within `seconds`.
  public func measureFloatPeak(seconds: Double = 0.025) -> Double {
    sumOverThreads { _ in
      withUnsafePointer(to: kernels) { ck_measure_fma_gflops($0, seconds) }
    }
  }

  /// GFLOP/s of multiply-adds on registers on all threads, best runs within `seconds`.
  ///
  /// In bfloat16 of the instruction that its products are made of, where that does more.
  public func measureMultiplyAddPeak(seconds: Double = 0.025) -> Double {
    let single = measureFloatPeak(seconds: seconds)
    guard weightFormat == .bfloat16, bfloat16Dispatch.ownRows == .max else { return single }
    return max(single, measureBFloat16Peak(seconds: seconds))
  }

  /// GFLOP/s of what attention over its caches multiplies with, on registers on all threads, best runs
  /// within `seconds`.
  public func measureAttentionPeak(seconds: Double = 0.025) -> Double {
    cacheFormat == .bfloat16 && bfloat16.rounds_queries == 1
      ? measureBFloat16Peak(seconds: seconds) : measureFloatPeak(seconds: seconds)
  }

  /// GFLOP/s of the bfloat16 kernels' multiply-adds on registers on all threads, best runs within
  /// `seconds`.
  public func measureBFloat16Peak(seconds: Double = 0.025) -> Double {
    sumOverThreads { _ in
      let end = ck_seconds() + seconds
      var best = 0.0
      repeat {
        var witness: [Float] = [0.999, 0.001]
        let start = ck_seconds()
        let operations = bfloat16.multiply_add(20_000, &witness)
        best = max(best, operations / (ck_seconds() - start) * 1e-9)
      } while ck_seconds() < end
      return best
    }
  }

  /// The sum of what `body` gives on each thread, all at once.
  private func sumOverThreads<Value: AdditiveArithmetic>(_ body: (Int) -> Value) -> Value {
    var values = [Value](repeating: .zero, count: team.threads)
    values.withUnsafeMutableBufferPointer { values in
      guard let first = values.baseAddress else { return }
      team.run(team.threads) { part, _ in first[part] = body(part) }
    }
    return values.reduce(.zero, +)
  }
}
