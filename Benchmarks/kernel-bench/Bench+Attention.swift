import Kernels
import Tensors

extension Bench {
  /// Rows of equal length with their cache: 14 query heads on 2 KV heads of 64.
  private func batch(
    sequences: Int, slots: Int, context: Int, format: StorageFormat = .float32
  ) throws -> (rows: [AttentionRow], cache: KVCacheView, queries: Matrix) {
    let capacity = context + slots
    let rows = (0..<sequences).map { index in
      AttentionRow(
        firstSlot: index * slots, slots: slots, real: 0..<slots, context: context,
        base: index * capacity, capacity: capacity, masked: capacity..<capacity)
    }
    let cache = KVCacheView(
      keys: try filled(sequences * capacity, 128, format),
      values: try filled(sequences * capacity, 128, format), offset: 0,
      slots: sequences * capacity, kvHeads: 2, headDimension: 64, format: format)
    return (rows, cache, try filled(sequences * slots, 896))
  }

  /// Prefill attention: causal FLOPs per second, over the peak of the multiply-adds that it uses, and its
  /// share beside linear layers.
  func attention() throws {
    print("\nprefill attention, 14 heads on 2 KV heads of 64 (causal FLOPs only)")
    let half = try CPUBackend(weights: .bfloat16, cache: .bfloat16)
    for length in [64, 256, 512, 1024, 2048] {
      let out = try cpu.matrix(rows: length, columns: 896)
      let flops = 4 * 896 * Double(length) * Double(length + 1) / 2
      let linear = 2 * Double(length) * Double(Bench.layers.reduce(0) { $0 + $1.1 * $1.2 })
      for (backend, format) in [(cpu, StorageFormat.float32), (half, .bfloat16)] {
        let problem = try batch(sequences: 1, slots: length, context: 0, format: format)
        let best = interleaved(
          4,
          [
            { _ in
              backend.attend(
                queries: problem.queries, rows: problem.rows, cache: problem.cache, queryHeads: 14,
                scale: 0.125, into: out)
            }
          ])[0]
        let (rate, top) = (flops / best * 1e-9, backend.measureAttentionPeak())
        let linearSeconds = linear * 1e-9 / (0.9 * backend.measureMultiplyAddPeak())
        print(
          "  length \(length), \(format): \(fixed(rate)) GFLOP/s = \(fixed(rate / top)) of peak; "
            + "\(fixed(best / (best + linearSeconds))) of a layer whose linears run at 0.90 of peak"
        )
      }
    }
  }

  /// Decode attention: GB/s of keys and values against read bandwidth.
  func decodeAttention() throws {
    print("\ndecode attention, KV GB/s over read bandwidth")
    for (sequences, context) in [(1, 1023), (8, 1023), (32, 2047)] {
      let problem = try batch(sequences: sequences, slots: 1, context: context)
      let out = try cpu.matrix(rows: sequences, columns: 896)
      let best = interleaved(
        10,
        [
          { _ in
            cpu.attend(
              queries: problem.queries, rows: problem.rows, cache: problem.cache, queryHeads: 14,
              scale: 0.125, into: out)
          }
        ])[0]
      let bytes = Double(sequences * (context + 1) * 128 * 2 * MemoryLayout<Float>.stride)
      let rate = bytes / best * 1e-9
      print(
        "  \(sequences) x \(context + 1) keys: \(fixed(rate)) GB/s = \(fixed(rate / bandwidth)) "
          + "(\(fixed(best * 1e6)) us)")
    }
  }

  /// The same rows in a region each and in blocks that lie anywhere: contiguous time over paged time.
  func pagedAttention() throws {
    print(
      "\npaged attention, speed over contiguous (14 heads on 2 KV heads of 64; blocks shuffled)")
    for (sequences, slots, context) in [
      (1, 1, 1023), (8, 1, 1023), (32, 1, 2047), (8, 1, 100), (1, 64, 960), (1, 512, 0),
    ] {
      let plain = try batch(sequences: sequences, slots: slots, context: context)
      let out = try cpu.matrix(rows: sequences * slots, columns: 896)
      let sizes = [16, 32, 128]
      let paged = try sizes.map { try blocks(of: $0, like: plain.rows) }
      func attend(_ rows: [AttentionRow], _ cache: KVCacheView) -> (Int) -> Void {
        { _ in
          cpu.attend(
            queries: plain.queries, rows: rows, cache: cache, queryHeads: 14, scale: 0.125,
            into: out)
        }
      }
      let best = interleaved(
        30, [attend(plain.rows, plain.cache)] + paged.map { attend($0.rows, $0.cache) })
      let ratios = zip(sizes, best.dropFirst()).map { "blocks of \($0) \(fixed(best[0] / $1))" }
      print(
        "  \(sequences) x \(slots) after \(context) keys, \(fixed(best[0] * 1e6)) us: "
          + ratios.joined(separator: ", "))
    }
  }

  /// Rows of the same shape whose slots lie in blocks of `size`, in a shuffled order.
  private func blocks(
    of size: Int, like rows: [AttentionRow]
  ) throws -> (rows: [AttentionRow], cache: KVCacheView) {
    var random = SystemRandomNumberGenerator()
    let needed = (rows[0].capacity + size - 1) / size
    var free = (0..<Int32(needed * rows.count)).shuffled(using: &random)[...]
    let paged = rows.map { row in
      defer { free = free.dropFirst(needed) }
      return AttentionRow(
        firstSlot: row.firstSlot, slots: row.slots, real: row.real, context: row.context,
        blocks: Array(free.prefix(needed)), blockSlots: size)
    }
    let slots = needed * rows.count * size
    return (
      paged,
      KVCacheView(
        keys: try filled(slots, 128).storage, values: try filled(slots, 128).storage, offset: 0,
        slots: slots, kvHeads: 2, headDimension: 64, blockSlots: size)
    )
  }
}
