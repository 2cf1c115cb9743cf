import CKernels
import Tensors

extension CPUBackend {
  public func attend(
    queries: Matrix, rows: [AttentionRow], cache: KVCacheView, queryHeads: Int, scale: Float,
    into out: Matrix
  ) {
    checkAttend(queries: queries, cache: cache, queryHeads: queryHeads, into: out)
    for row in rows where row.slots > 0 { row.check(querySlots: queries.rows, cache: cache) }
    let (group, width) = (queryHeads / cache.kvHeads, cache.headDimension)
    let count = AttentionTask.cut(
      rows, cache: cache, threads: team.threads, into: &attentionTasks)
    let tasks = attentionTasks
    let shares = AttentionShares(count, group: group, width: width, storage: &shareMemory)
    var most = 0
    for task in tasks {
      let (slots, context) = (task.slots.count, task.context)
      most = max(
        most,
        cache.format == .bfloat16
          ? ck_bf16_attention_workspace(slots, group, width, context)
          : ck_attention_workspace(slots, group, width, context))
    }
    let workspace = workspace.reserve(most)
    team.run(tasks.count) { part, thread in
      let task = tasks[part]
      let row = rows[task.row]
      let (first, column) = (row.firstSlot + task.slots.lowerBound, task.head * group * width)
      let target = task.share.map { shares.out($0.number) } ?? out.row(first) + column
      // Where slot 0 of the region lies, and of the task.
      let base =
        cache.blockSlots.map { cache.offset + task.head * $0 * width }
        ?? cache.start(of: row, kvHead: task.head) + task.keys.lowerBound * width
      row.blocks.withUnsafeBufferPointer { blocks in
        let table = cache.blockSlots.flatMap {
          blocks.baseAddress?.advanced(by: task.keys.lowerBound / $0)
        }
        var job = ck_attention(
          queries: queries.row(first) + column, query_stride: queries.stride,
          keys: cache.keys.pointer + base, values: cache.values.pointer + base,
          blocks: table, block_slots: cache.blockSlots ?? 0, block_stride: cache.blockStride,
          out: target, out_stride: out.stride,
          lse: task.share.map { shares.logSums($0.number) }, slots: task.slots.count,
          group: group, width: width, context: task.context,
          real_begin: max(0, row.real.lowerBound - task.slots.lowerBound),
          real_end: max(0, row.real.upperBound - task.slots.lowerBound),
          masked_begin: max(0, row.masked.lowerBound - task.keys.lowerBound),
          masked_end: max(0, row.masked.upperBound - task.keys.lowerBound), scale: scale,
          is_cached: isCached(cache), workspace: workspace[thread])
        if cache.format == .bfloat16 {
          bfloat16.attend(&job, cache.halfKeys + base, cache.halfValues + base)
        } else {
          kernels.attend(&job)
        }
      }
    }
    for task in tasks {
      guard let (number, all) = task.share, number == all.upperBound - 1 else { continue }
      shares.combine(
        all, into: out.row(rows[task.row].firstSlot) + task.head * group * width)
    }
  }

  /// Between two steps all layers are read, so all that the storages hold has to fit.
  private func isCached(_ cache: KVCacheView) -> Int32 {
    4 * (cache.keys.count + cache.values.count) <= cachedBytes ? 1 : 0
  }
}
