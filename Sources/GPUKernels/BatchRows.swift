import Kernels

/// The rows of a batch as kernels take them. `rows` holds nine integers each, as prelude.cuh has
/// them; items are pairs (row, slot of the row).
struct BatchRows {
  let source: [AttentionRow]
  let rows: [Int32]
  /// Every slot of every row.
  let slots: [Int32]
  /// Rows of one slot: decode steps.
  let steps: [Int32]
  /// Block tables of all rows, each with `rowBlocks` entries; what a row does not have is 0.
  let blocks: [Int32]
  let rowBlocks: Int
  /// Most keys that a slot of any row, and that one of `steps`, sees.
  let mostKeys: Int
  let mostStepKeys: Int
  /// Other rows cut into tiles of query slots, those with the most keys first, by tile height.
  private var tiles: [Int: [Int32]] = [:]

  /// - Parameter isFixed: rounds what kernels are told by value (keys, entries of tables) up to powers of
  ///   two, so that many steps tell them the same.
  init(_ source: [AttentionRow], isFixed: Bool = false) {
    self.source = source
    rows = source.flatMap { row in
      [
        row.firstSlot, row.slots, row.real.lowerBound, row.real.upperBound, row.context, row.base,
        row.capacity, row.masked.lowerBound, row.masked.upperBound,
      ].map { Int32($0) }
    }
    var slots: [Int32] = []
    var steps: [Int32] = []
    var (most, mostStep) = (0, 0)
    for (index, row) in source.enumerated() where row.slots > 0 {
      for slot in 0..<row.slots {
        slots.append(Int32(index))
        slots.append(Int32(slot))
      }
      most = max(most, row.context + row.slots)
      guard row.slots == 1 else { continue }
      steps += [Int32(index), 0]
      mostStep = max(mostStep, row.context + 1)
    }
    let rowBlocks = Self.rounded(source.map(\.blocks.count).max() ?? 0, isFixed)
    blocks = source.flatMap { row in
      row.blocks + [Int32](repeating: 0, count: rowBlocks - row.blocks.count)
    }
    self.rowBlocks = rowBlocks
    self.slots = slots
    self.steps = steps
    mostKeys = Self.rounded(most, isFixed)
    mostStepKeys = Self.rounded(mostStep, isFixed)
  }

  private static func rounded(_ count: Int, _ isFixed: Bool) -> Int {
    isFixed && count > 1 ? 1 << (Int.bitWidth - (count - 1).leadingZeroBitCount) : count
  }

  /// Pairs (row, first slot).
  /// - Parameter all: rows of one slot too.
  mutating func tiles(height: Int, all: Bool) -> [Int32] {
    let key = all ? -height : height
    if let found = tiles[key] { return found }
    var list: [(row: Int, first: Int, keys: Int)] = []
    for (index, row) in source.enumerated() where row.slots > (all ? 0 : 1) {
      for first in stride(from: 0, to: row.slots, by: height) {
        list.append((index, first, row.context + min(first + height, row.slots)))
      }
    }
    list.sort { $0.keys > $1.keys }
    let flat = list.flatMap { [Int32($0.row), Int32($0.first)] }
    tiles[key] = flat
    return flat
  }
}
