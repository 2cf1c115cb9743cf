import CKernels
import Tensors

/// Query slots of one row against one KV head.
struct AttentionTask {
  var row, head: Int
  var slots: Range<Int>
}

extension CPUBackend {
  /// Fewer query slots are not cut off a row: each task transposes the keys that it sees.
  private static let fewestSlots = 128

  public func attend(
    queries: Matrix, rows: [AttentionRow], cache: KVCacheView, queryHeads: Int, scale: Float,
    into out: Matrix
  ) {
    checkAttend(queries: queries, cache: cache, queryHeads: queryHeads, into: out)
    for row in rows where row.slots > 0 { row.check(querySlots: queries.rows, cache: cache) }
    cut(rows, heads: cache.kvHeads)
    let group = queryHeads / cache.kvHeads
    var most = 0
    for task in attentionTasks {
      let (slots, context) = (task.slots.count, rows[task.row].context + task.slots.lowerBound)
      let elements =
        cache.format == .bfloat16
        ? ck_bf16_attention_workspace(slots, group, cache.headDimension, context)
        : ck_attention_workspace(slots, group, cache.headDimension, context)
      most = max(most, elements)
    }
    let (tasks, workspace) = (attentionTasks, workspace.reserve(most))
    team.run(tasks.count) { part, thread in
      let task = tasks[part]
      attend(
        queries, rows[task.row], task, cache, group: group, scale: scale, workspace[thread],
        into: out)
    }
  }

  /// A task for each row and head, and more of long rows where that leaves threads without work.
  private func cut(_ rows: [AttentionRow], heads: Int) {
    attentionTasks.removeAll(keepingCapacity: true)
    let slots = rows.reduce(0) { $0 + $1.slots }
    // Tasks differ in length; four for each thread even that out.
    let most =
      team.threads == 1
      ? Int.max : max(Self.fewestSlots, slots * heads / (4 * team.threads))
    for (index, row) in rows.enumerated() where row.slots > 0 {
      let parts = (row.slots - 1) / most + 1
      for head in 0..<heads {
        for part in 0..<parts {
          attentionTasks.append(
            AttentionTask(
              row: index, head: head, slots: ThreadTeam.share(part, of: parts, in: row.slots)))
        }
      }
    }
  }

  private func attend(
    _ queries: Matrix, _ row: AttentionRow, _ task: AttentionTask, _ cache: KVCacheView,
    group: Int, scale: Float, _ workspace: UnsafeMutablePointer<Float>, into out: Matrix
  ) {
    let width = cache.headDimension
    // Between two steps all layers are read, so all that the storages hold has to fit.
    let isCached: Int32 = 4 * (cache.keys.count + cache.values.count) <= cachedBytes ? 1 : 0
    // Of a table's rows: where the head lies in block 0.
    let start =
      cache.blockSlots.map { cache.offset + task.head * $0 * width }
      ?? cache.start(of: row, kvHead: task.head)
    let (first, column) = (task.slots.lowerBound, task.head * group * width)
    row.blocks.withUnsafeBufferPointer { blocks in
      var job = ck_attention(
        queries: queries.row(row.firstSlot + first) + column, query_stride: queries.stride,
        keys: cache.keys.pointer + start, values: cache.values.pointer + start,
        blocks: cache.blockSlots == nil ? nil : blocks.baseAddress,
        block_slots: cache.blockSlots ?? 0, block_stride: cache.blockStride,
        out: out.row(row.firstSlot + first) + column, out_stride: out.stride,
        slots: task.slots.count, group: group, width: width, context: row.context + first,
        real_begin: max(0, row.real.lowerBound - first),
        real_end: max(0, row.real.upperBound - first), masked_begin: row.masked.lowerBound,
        masked_end: row.masked.upperBound, scale: scale, is_cached: isCached,
        workspace: workspace)
      if cache.format == .bfloat16 {
        bfloat16.attend(&job, cache.halfKeys + start, cache.halfValues + start)
      } else {
        kernels.attend(&job)
      }
    }
  }
}
