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
          + "0.80 of MKL's packed product: MKL is not loaded here")
  }

  /// Packed products with few rows: bytes of weights a second over read bandwidth, in one run.
  func bfloat16Decode() throws {
    let half = try CPUBackend(weights: .bfloat16)
    print("\nbf16 products with few rows over read bandwidth (target 0.88 for 1 to 16 rows)")
    for rows in [1, 2, 4, 8, 16] {
      var verdicts: [String] = []
      for (name, inputs, outputs) in Bench.layers {
        let copies = max(2, (48 << 20) / (2 * inputs * outputs))
        let w = try filled(outputs, inputs)
        let weights = try (0..<copies).map { _ in try half.makeLinear(w, bias: nil) }
        let bytes = 2 * copies * inputs * outputs
        let memory = try filled(1, bytes / 4)
        let (x, y) = (try filled(rows, inputs), try cpu.matrix(rows: rows, columns: outputs))
        var sink: Float = 0
        let best = interleaved(
          8,
          [
            { _ in for weight in weights { half.linear(x, weight, into: y) } },
            { _ in sink += half.readStreams(memory) },
          ])
        verdicts.append("\(name) \(verdict(best[1] / best[0], atLeast: 0.88))")
      }
      print("  \(rows) rows: " + verdicts.joined(separator: ", "))
    }
  }

  /// One query of one head over keys and values in the second-level cache and beyond it, in GB/s over
  /// reading as much memory in eight streams.
  func streamingAttention() throws {
    print("\nattention of one query, one head of 128, over reading as much (L2 0.80, memory 0.85)")
    let half = try CPUBackend(cache: .bfloat16)
    for (keys, calls, target) in [(512, 200, 0.80), (32_768, 4, 0.85)] {
      let row = AttentionRow(
        firstSlot: 0, slots: 1, real: 0..<1, context: keys - 1, base: 0, capacity: keys,
        masked: keys..<keys)
      let storage = (try filled(keys, 128).storage, try filled(keys, 128).storage)
      let (query, out) = (try filled(1, 128), try cpu.matrix(rows: 1, columns: 128))
      let memory = try filled(keys, 256)
      let halves = (try filled(keys, 64).storage, try filled(keys, 64).storage)
      for index in 0..<keys * 128 {
        halves.0.bfloat16Pointer[index] = BFloat16Bits(rounding: storage.0.pointer[index])
        halves.1.bfloat16Pointer[index] = BFloat16Bits(rounding: storage.1.pointer[index])
      }
      func view(_ pair: (Storage, Storage), _ format: StorageFormat) -> KVCacheView {
        KVCacheView(
          keys: pair.0, values: pair.1, offset: 0, slots: keys, kvHeads: 1, headDimension: 128,
          format: format)
      }
      func attend(_ backend: CPUBackend, _ cache: KVCacheView) {
        for _ in 0..<calls {
          backend.attend(
            queries: query, rows: [row], cache: cache, queryHeads: 1, scale: 0.09, into: out)
        }
      }
      let (single, rounded) = (view(storage, .float32), view(halves, .bfloat16))
      var sink: Float = 0
      let best = interleaved(
        10,
        [
          { _ in attend(cpu, single) }, { _ in attend(half, rounded) },
          { _ in for _ in 0..<calls { sink += cpu.readStreams(memory) } },
        ])
      print(
        "  \(keys) keys: fp32 \(verdict(best[2] / best[0], atLeast: target)), bf16 "
          + "\(verdict(best[2] / 2 / best[1], atLeast: target)) "
          + "(reads \(fixed(Double(calls * keys * 1024) / best[2] * 1e-9)) GB/s)")
    }
  }

  private func verdict(_ value: Double, atLeast target: Double) -> String {
    "\(fixed(value)) \(value >= target ? "PASS" : "below \(fixed(target))")"
  }
}
