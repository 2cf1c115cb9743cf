/// KV blocks and slots in use at one moment.
public struct KVOccupancy: Hashable, Sendable, Codable {
  /// Blocks that running sequences hold; a shared block counts once.
  public var usedBlocks = 0
  /// Blocks that nobody holds and the prefix cache keeps.
  public var cachedBlocks = 0
  public var freeBlocks = 0
  /// Slots of used blocks that hold a token, and those that do not.
  public var filledSlots = 0
  public var emptySlots = 0

  public init() {}

  /// Memory waste W = 1 − ΣL/reserved: slots held without a token, of those held. 0 when none are.
  public var waste: Double {
    let slots = filledSlots + emptySlots
    return slots == 0 ? 0 : Double(emptySlots) / Double(slots)
  }
}

/// Fixed-size KV blocks with reference counts, and what the prefix cache keeps in them. Only
/// numbers: the memory itself is the engine's. Every operation on a block is O(1).
public struct KVBlockPool: Sendable {
  public let blockSize: Int
  /// Blocks that can be given, a multiple of `run`.
  public let blockCount: Int
  /// Consecutive blocks given at once: 1, or the reservation of a sequence.
  public let run: Int
  /// First blocks of free runs, the next one to give last.
  private var free: [Int32]
  /// Holders by block; of a run by its first.
  private var references: [Int32]
  /// Runs that somebody holds.
  private var heldRuns = 0
  public private(set) var cache: PrefixCache?

  /// - Parameter cache: nil for none; a cache needs `run` 1.
  public init(blockCount: Int, blockSize: Int, run: Int = 1, cache: PrefixCache? = nil) {
    precondition(
      blockSize > 0 && run > 0 && blockCount >= run, "a pool has a run of blocks to give")
    precondition(cache == nil || run == 1, "blocks of a run are not shared")
    self.blockSize = blockSize
    self.blockCount = blockCount / run * run
    self.run = run
    self.cache = cache
    free = (0..<Int32(blockCount / run)).reversed().map { $0 * Int32(run) }
    references = Array(repeating: 0, count: blockCount)
  }

  public var usedBlocks: Int { heldRuns * run }
  public var freeBlocks: Int { free.count * run }
  public var cachedBlocks: Int { cache?.parkedBlocks ?? 0 }
  /// Blocks that can be allocated: free ones, and those that the cache would give up.
  public var availableBlocks: Int { freeBlocks + cachedBlocks }

  /// Appends a run of blocks nobody holds to a table, held once; false when there is none.
  public mutating func allocate(to table: inout [Int32]) -> Bool {
    guard let first = free.popLast() ?? cache?.evict() else { return false }
    references[Int(first)] = 1
    heldRuns += 1
    table += first..<first + Int32(run)
    return true
  }

  /// Gives up one hold of each block of a table, the last first, so that the cache forgets the end
  /// of a sequence before its start.
  public mutating func release(_ table: [Int32]) {
    precondition(table.count % run == 0, "a table holds whole runs")
    for index in stride(from: table.count - run, through: 0, by: -run) {
      let block = table[index]
      precondition(references[Int(block)] > 0, "a block that nobody holds cannot be released")
      references[Int(block)] -= 1
      guard references[Int(block)] == 0 else { continue }
      heldRuns -= 1
      if cache?.contains(block) == true { cache?.park(block) } else { free.append(block) }
    }
  }

  /// Holds a block of the cache once more.
  public mutating func hold(_ block: Int32) {
    precondition(cache?.contains(block) == true, "only what the cache knows can be shared")
    if references[Int(block)] == 0 {
      cache?.unpark(block)
      heldRuns += 1
    }
    references[Int(block)] += 1
  }

  /// How many sequences hold the block.
  public func references(to block: Int32) -> Int { Int(references[Int(block) / run * run]) }

  /// Notes in the cache what a held block holds.
  /// - Returns: the number that the next block of the sequence names as its parent.
  mutating func keep(
    _ block: Int32, content: [UInt64], after parent: UInt64, salt: String
  ) -> UInt64 {
    cache?.insert(block, content: content, after: parent, salt: salt) ?? 0
  }
}
