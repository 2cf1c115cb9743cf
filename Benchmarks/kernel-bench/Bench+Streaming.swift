import CKernels
import Kernels
import Tensors

extension Bench {
  /// Queries of one position over keys and values in the second-level cache and beyond all caches, over
  /// reading as much, in order or in eight streams, whichever is faster.
  ///
  /// With one query head for a KV head that is what bounds it. With more the products do, at some
  /// point: in brackets the longer of reading and of its FLOPs at the peak of the multiply-adds that it
  /// uses stands over it.
  func streamingAttention() throws {
    print(
      "\nattention of one position over reading as much (L2 0.80, memory 0.85 with one query head); in "
        + "brackets over max(reading, FLOPs at the peak of its multiply-adds)")
    for (heads, width) in [(1, 128), (4, 128), (7, 64)] {
      for (bytes, calls) in [(512 << 10, 200), (128 << 20, 1)] {
        try streamingAttention(
          heads: heads, width: width, keys: bytes / (8 * width), calls: calls,
          target: heads > 1 ? nil : calls > 1 ? 0.80 : 0.85)
      }
    }
  }

  private func streamingAttention(
    heads: Int, width: Int, keys: Int, calls: Int, target: Double?
  ) throws {
    let half = try CPUBackend(cache: .bfloat16)
    let row = AttentionRow(
      firstSlot: 0, slots: 1, real: 0..<1, context: keys - 1, base: 0, capacity: keys,
      masked: keys..<keys)
    let storage = (try filled(keys, width).storage, try filled(keys, width).storage)
    let halves = (try filled(keys, width, .bfloat16), try filled(keys, width, .bfloat16))
    let query = try filled(1, heads * width)
    let out = try cpu.matrix(rows: 1, columns: heads * width)
    let memory = try filled(keys, 2 * width)
    func attend(
      _ backend: CPUBackend, _ pair: (Storage, Storage), _ format: StorageFormat
    ) -> (Int) -> Void {
      let cache = KVCacheView(
        keys: pair.0, values: pair.1, offset: 0, slots: keys, kvHeads: 1, headDimension: width,
        format: format)
      return { _ in
        for _ in 0..<calls {
          backend.attend(
            queries: query, rows: [row], cache: cache, queryHeads: heads, scale: 0.09, into: out)
        }
      }
    }
    let (table, halfTable) = (ck_best_kernels().pointee, ck_best_bf16().pointee)
    let halfMultiplyAdd =
      halfTable.rounds_queries == 1 ? halfTable.multiply_add : table.multiply_add
    var sink: Float = 0
    let best = interleaved(
      10,
      [
        attend(cpu, storage, .float32), attend(half, halves, .bfloat16),
        { _ in for _ in 0..<calls { sink += table.read_streams(memory.pointer, memory.count) } },
        { _ in for _ in 0..<calls { sink += table.read_in_order(memory.pointer, memory.count) } },
        multiplyAdds, { _ in _ = Self.operations(halfMultiplyAdd) },
      ])
    let read = min(best[2], best[3])
    let operations = Double(4 * calls * keys * heads * width)
    func told(_ read: Double, _ computed: Double, _ seconds: Double) -> String {
      let ratio = read / seconds
      return (target.map { verdict(ratio, atLeast: $0) } ?? fixed(ratio))
        + " [\(fixed(max(read, computed) / seconds))]"
    }
    print(
      "  \(heads) of \(width), \(keys) keys: fp32 "
        + told(read, operations * best[4] / multiplyAddOperations, best[0]) + ", bf16 "
        + told(read / 2, operations * best[5] / Self.operations(halfMultiplyAdd), best[1])
        + " "
        + "(reads \(fixed(Double(4 * calls * memory.count) / read * 1e-9)) GB/s)")
  }
}
