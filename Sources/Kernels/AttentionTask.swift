/// Query slots of one row against one KV head, or one query slot against a share of its keys.
struct AttentionTask {
  var row, head: Int
  var slots: Range<Int>
  /// KV slots that the last query slot sees of the task.
  var keys: Range<Int>
  /// Its number among the batch's shares, and those of all shares of the head; nil where all keys are
  /// seen at once.
  var share: (number: Int, all: Range<Int>)?

  /// KV slots before its first query slot, of those that it sees.
  var context: Int { keys.count - slots.count }

  /// Fewer query slots are not cut off a row: each task transposes the keys that it sees.
  private static let fewestSlots = 128
  /// Keys of a share, about. The same for any number of threads, so that sums are too; one takes
  /// some 10 us.
  static let longestShare = 1024

  /// Fills `tasks` with one for each row and head, and more where that leaves threads without work:
  /// long rows are cut by query slots, long contexts of one query slot into shares. Returns the number
  /// of shares, which are numbered by row, head and keys.
  static func cut(
    _ rows: [AttentionRow], cache: KVCacheView, threads: Int, into tasks: inout [AttentionTask]
  ) -> Int {
    tasks.removeAll(keepingCapacity: true)
    var shares = 0
    let slots = rows.reduce(0) { $0 + $1.slots }
    // Tasks differ in length; four for each thread even that out.
    let most = threads == 1 ? Int.max : max(fewestSlots, slots * cache.kvHeads / (4 * threads))
    for (index, row) in rows.enumerated() where row.slots > 0 {
      let keys = 0..<row.context + row.slots
      if row.slots == 1 && keys.count > longestShare {
        // Whole blocks, whose table goes on at a later entry.
        let unit = cache.blockSlots ?? 1
        let parts = (keys.count - 1) / max(longestShare, unit) + 1
        for head in 0..<cache.kvHeads {
          let all = shares..<shares + parts
          shares = all.upperBound
          for (part, number) in all.enumerated() {
            let range = ThreadTeam.share(part, of: parts, in: keys.count, unit: unit)
            tasks.append(
              AttentionTask(
                row: index, head: head, slots: 0..<1, keys: range, share: (number, all)))
          }
        }
        continue
      }
      let parts = (row.slots - 1) / most + 1
      for head in 0..<cache.kvHeads {
        for part in 0..<parts {
          let range = ThreadTeam.share(part, of: parts, in: row.slots)
          tasks.append(
            AttentionTask(
              row: index, head: head, slots: range, keys: 0..<row.context + range.upperBound))
        }
      }
    }
    return shares
  }
}
