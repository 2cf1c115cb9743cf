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

/// Fixed-size KV blocks with reference counts. Only numbers: the memory itself is the engine's.
public struct KVBlockPool: Sendable {
  public let blockSize: Int
  public let blockCount: Int
  /// Free blocks, the next one to give last.
  private var free: [Int32]
  private var references: [Int32]

  public init(blockCount: Int, blockSize: Int) {
    precondition(blockCount > 0 && blockSize > 0, "a pool has blocks and blocks have slots")
    self.blockSize = blockSize
    self.blockCount = blockCount
    free = (0..<Int32(blockCount)).reversed()
    references = [Int32](repeating: 0, count: blockCount)
  }

  public var freeBlocks: Int { free.count }
  /// Blocks that `allocate` can give.
  public var availableBlocks: Int { free.count }

  /// A block nobody holds, now held once; nil when there is none. O(1).
  public mutating func allocate() -> Int32? {
    guard let block = free.popLast() else { return nil }
    references[Int(block)] = 1
    return block
  }

  /// Gives up one hold of a block. O(1).
  public mutating func release(_ block: Int32) {
    precondition(references[Int(block)] > 0, "a block that nobody holds cannot be released")
    references[Int(block)] -= 1
    if references[Int(block)] == 0 { free.append(block) }
  }

  /// How many sequences hold the block.
  public func references(to block: Int32) -> Int { Int(references[Int(block)]) }
}
