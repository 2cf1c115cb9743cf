/// One row of a batch as attention sees it: consecutive query slots of one sequence, and the
/// region of the KV cache that belongs to it. In a paged cache the region is a table of blocks.
///
/// Query slot `j` sees the region slots `0...(context + j)`. Padding is computed, not skipped: the
/// scores of `masked` slots are computed and then set to minus infinity for real queries, and pad
/// queries ignore the mask, so that every output is finite.
public struct AttentionRow: Sendable, Hashable {
  /// Row of the query matrix where this sequence's slots start.
  public var firstSlot: Int
  /// Query rows that are computed, padded ones included.
  public var slots: Int
  /// Which of `0..<slots` carry tokens; the rest are padding.
  public var real: Range<Int>
  /// KV slots that the region held before this step.
  public var context: Int
  /// First KV slot of the region in the layer's cache.
  public var base: Int
  /// Slots of the region.
  public var capacity: Int
  /// Region slots that hold padding; empty where there are none.
  public var masked: Range<Int>
  /// Paged caches: the block of the layer's cache that holds each `blockSlots` region slots, in
  /// order. `base` is then 0, `capacity` what the blocks hold.
  public var blocks: [Int32] = []

  /// A row whose region is the blocks of a paged cache.
  public init(
    firstSlot: Int, slots: Int, real: Range<Int>, context: Int, blocks: [Int32], blockSlots: Int,
    masked: Range<Int> = 0..<0
  ) {
    self.init(
      firstSlot: firstSlot, slots: slots, real: real, context: context, base: 0,
      capacity: blocks.count * blockSlots, masked: masked)
    self.blocks = blocks
  }

  public init(
    firstSlot: Int, slots: Int, real: Range<Int>, context: Int, base: Int, capacity: Int,
    masked: Range<Int>
  ) {
    self.firstSlot = firstSlot
    self.slots = slots
    self.real = real
    self.context = context
    self.base = base
    self.capacity = capacity
    self.masked = masked
  }

  /// Traps when the row contradicts itself, the query matrix or the cache.
  public func check(querySlots: Int, cache: KVCacheView) {
    precondition(
      firstSlot >= 0 && slots >= 0 && firstSlot + slots <= querySlots,
      "slots \(firstSlot)..<\(firstSlot + slots) are outside a batch of \(querySlots)")
    precondition(
      real.lowerBound >= 0 && real.upperBound <= slots,
      "real slots \(real) are outside 0..<\(slots)")
    precondition(
      context >= 0 && context + slots <= capacity,
      "\(context) + \(slots) KV slots do not fit a region of \(capacity)")
    precondition(
      base >= 0 && base + capacity <= cache.slots,
      "region \(base)..<\(base + capacity) is outside a cache of \(cache.slots) slots")
    precondition(masked.lowerBound >= 0, "masked slots \(masked) start before the region")
    guard let blockSlots = cache.blockSlots else {
      return precondition(blocks.isEmpty, "a row with a block table needs a paged cache")
    }
    precondition(
      capacity == blocks.count * blockSlots,
      "\(blocks.count) blocks of \(blockSlots) are no region of \(capacity) slots")
    for block in blocks {
      precondition(
        block >= 0 && (Int(block) + 1) * blockSlots <= cache.slots,
        "block \(block) is outside a cache of \(cache.slots / blockSlots) blocks")
    }
  }
}
