import CKernels
import Tensors

extension CPUBackend {
  public func attend(
    queries: Matrix, rows: [AttentionRow], cache: KVCacheView, queryHeads: Int, scale: Float,
    into out: Matrix
  ) {
    checkAttend(queries: queries, cache: cache, queryHeads: queryHeads, into: out)
    let width = cache.headDimension
    let group = queryHeads / cache.kvHeads
    // Between two steps all layers are read, so all that the storages hold has to fit.
    let isCached: Int32 = 4 * (cache.keys.count + cache.values.count) <= cachedBytes ? 1 : 0
    for row in rows where row.slots > 0 {
      row.check(querySlots: queries.rows, cache: cache)
      let isHalf = cache.format == .bfloat16
      let workspace = scratch(
        isHalf
          ? ck_bf16_attention_workspace(row.slots, group, width, row.context)
          : ck_attention_workspace(row.slots, group, width, row.context))
      row.blocks.withUnsafeBufferPointer { blocks in
        for head in 0..<cache.kvHeads {
          // Of a table's rows: where the head lies in block 0.
          let start =
            cache.blockSlots.map { cache.offset + head * $0 * width }
            ?? cache.start(of: row, kvHead: head)
          let column = head * group * width
          var job = ck_attention(
            queries: queries.row(row.firstSlot) + column, query_stride: queries.stride,
            keys: cache.keys.pointer + start, values: cache.values.pointer + start,
            blocks: cache.blockSlots == nil ? nil : blocks.baseAddress,
            block_slots: cache.blockSlots ?? 0, block_stride: cache.blockStride,
            out: out.row(row.firstSlot) + column, out_stride: out.stride, slots: row.slots,
            group: group, width: width, context: row.context, real_begin: row.real.lowerBound,
            real_end: row.real.upperBound, masked_begin: row.masked.lowerBound,
            masked_end: row.masked.upperBound, scale: scale, is_cached: isCached,
            workspace: workspace)
          if isHalf {
            bfloat16.attend(&job, cache.halfKeys + start, cache.halfValues + start)
            continue
          }
          kernels.attend(&job)
        }
      }
    }
  }
}
