import CKernels
import Kernels
import Tensors

extension Bench {
  /// Packed products in bfloat16 with many rows: beside sgemm of the same shape, and as a share of the
  /// instruction's peak.
  func bfloat16Products() throws {
    let half = try CPUBackend(weights: .bfloat16)
    print("\nbf16 products, \(half.bfloat16Dispatch.notes.joined(separator: "; "))")
    let peak = half.measureBFloat16Peak(seconds: 0.1)
    print("  peak of its multiply-adds \(fixed(peak)) GFLOP/s")
    for rows in [64, 512] {
      var sums = [0.0, 0.0]
      for (_, inputs, outputs) in Bench.layers {
        let (x, w) = (try filled(rows, inputs), try filled(outputs, inputs))
        let (y, packed) = (
          try cpu.matrix(rows: rows, columns: outputs), try half.makeLinear(w, bias: nil)
        )
        let best = interleaved(
          4,
          [
            { _ in _ = cpu.secondsOfSgemm(x, w, into: y) },
            { _ in half.linear(x, packed, into: y) },
          ]
        )
        for index in 0..<2 { sums[index] += best[index] }
      }
      let rate =
        2e-9 * Double(rows) * Double(Bench.layers.reduce(0) { $0 + $1.1 * $1.2 }) / sums[1]
      print(
        "  \(rows) rows: \(fixed(rate)) GFLOP/s = \(fixed(rate / peak)) of peak, "
          + "\(fixed(sums[0] / sums[1])) x sgemm")
    }
    let tiles = BFloat16Variant.available.contains(.amx)
    print(
      tiles
        ? "  target: 5 x sgemm at 512 rows"
        : "  target of 5 x sgemm with AMX: not measurable here (AMX: \(BFloat16Variant.amxState)); "
          + "beside MKL's packed product: kernel-bench libraries")
  }

  /// Packed products with few rows: bytes of weights a second over read bandwidth, in one run.
  func bfloat16Decode() throws {
    let half = try CPUBackend(weights: .bfloat16)
    let kernels = ck_best_bf16().pointee
    print(
      "\nbf16 products with few rows over read bandwidth (target 0.88 for 1 to 16 rows); in brackets "
        + "over max(reading, FLOPs at the multiply-add peak of \(String(cString: kernels.name)))")
    for rows in [1, 2, 4, 8, 16] {
      var verdicts: [String] = []
      for (name, inputs, outputs) in Bench.layers {
        let copies = max(2, (48 << 20) / (2 * inputs * outputs))
        let w = try filled(outputs, inputs)
        let weights = try (0..<copies).map { _ in try half.makeLinear(w, bias: nil) }
        let bytes = 2 * copies * inputs * outputs
        let memory = try filled(1, bytes / 4)
        let (x, y) = (try filled(rows, inputs), try cpu.matrix(rows: rows, columns: outputs))
        var (sink, operations): (Float, Double) = (0, 0)
        let best = interleaved(
          8,
          [
            { _ in for weight in weights { half.linear(x, weight, into: y) } },
            { _ in sink += half.readStreams(memory) },
            { _ in operations = Self.operations(kernels.multiply_add) },
          ])
        // An operation and a row for each byte of weight.
        let computed = Double(bytes * rows) * best[2] / operations
        verdicts.append(
          "\(name) \(verdict(best[1] / best[0], atLeast: 0.88)) "
            + "[\(fixed(max(best[1], computed) / best[0]))]")
      }
      print("  \(rows) rows: " + verdicts.joined(separator: ", "))
    }
  }

  func verdict(_ value: Double, atLeast target: Double) -> String {
    "\(fixed(value)) \(value >= target ? "PASS" : "below \(fixed(target))")"
  }
}
