/// Hashes a block's content for `PrefixCache`: the place of what precedes it, its tokens, and the
/// salt. Equal content must give equal values; different content may, and is told apart all the
/// same.
public typealias PrefixHash =
  @Sendable (_ parent: UInt64, _ content: [UInt64], _ salt: String) ->
  UInt64

/// Which blocks hold the keys and values of which tokens: full blocks, chained from the start of a
/// sequence, each tenant's (salt's) chains apart.
///
/// A block is found by what precedes it (the entry of the block before, by a number that is never
/// used twice), its tokens and the salt, all of which are compared: a hash collision costs time and
/// never shares a block. As vLLM's prefix cache, but with numbers instead of chained hashes.
/// Blocks that nobody holds are parked, the one parked longest is evicted first.
public struct PrefixCache: Sendable {
  private struct Key: Hashable, Sendable {
    var hash: UInt64
    /// The entry of the block before; 0 at the start.
    var parent: UInt64
    var content: [UInt64]
    var salt: String

    func hash(into hasher: inout Hasher) { hasher.combine(hash) }
  }

  private struct Entry: Sendable {
    var key: Key
    /// Unique to this entry for ever.
    var number: UInt64
  }

  private let hash: PrefixHash
  private var index: [Key: Int32] = [:]
  /// By block.
  private var entries: [Entry?]
  private var nextNumber: UInt64 = 1
  private var parked: BlockList
  /// Blocks taken from the cache to hold something else.
  public private(set) var evictions = 0

  /// - Parameter hash: only tests give another one than the standard hash.
  public init(blockCount: Int, hash: @escaping PrefixHash = PrefixCache.standardHash) {
    self.hash = hash
    entries = Array(repeating: nil, count: blockCount)
    parked = BlockList(blockCount: blockCount)
  }

  /// Blocks with content that nobody holds.
  public var parkedBlocks: Int { parked.count }
  /// Blocks with content, held or not.
  public var knownBlocks: Int { index.count }

  public func contains(_ block: Int32) -> Bool { entries[Int(block)] != nil }

  /// The block with this content behind `parent` (0: at the start), and its number. O(content).
  func find(
    _ content: [UInt64], after parent: UInt64, salt: String
  ) -> (block: Int32, number: UInt64)? {
    let key = Key(
      hash: hash(parent, content, salt), parent: parent, content: content, salt: salt)
    guard let block = index[key], let entry = entries[Int(block)] else { return nil }
    return (block, entry.number)
  }

  /// Notes what a block holds; where another block has the same content, that one stays.
  /// - Returns: the number of the entry that has the content.
  mutating func insert(
    _ block: Int32, content: [UInt64], after parent: UInt64, salt: String
  ) -> UInt64 {
    precondition(entries[Int(block)] == nil, "a block has one content")
    if let found = find(content, after: parent, salt: salt) { return found.number }
    let key = Key(
      hash: hash(parent, content, salt), parent: parent, content: content, salt: salt)
    let number = nextNumber
    nextNumber += 1
    index[key] = block
    entries[Int(block)] = Entry(key: key, number: number)
    return number
  }

  /// Nobody holds the block any more.
  mutating func park(_ block: Int32) { parked.append(block) }

  /// Somebody holds a parked block again.
  mutating func unpark(_ block: Int32) { parked.remove(block) }

  /// Forgets the block that was parked longest and hands it over.
  mutating func evict() -> Int32? {
    guard let block = parked.first else { return nil }
    parked.remove(block)
    if let entry = entries[Int(block)] { index[entry.key] = nil }
    entries[Int(block)] = nil
    evictions += 1
    return block
  }

  /// 64-bit FNV-1a over words, with the finaliser of MurmurHash3.
  public static let standardHash: PrefixHash = { parent, content, salt in
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ word: UInt64) { hash = (hash ^ word) &* 0x100_0000_01b3 }
    add(parent)
    for word in content { add(word) }
    for byte in salt.utf8 { add(UInt64(byte)) }
    return mixed(hash)
  }

  /// The finaliser of MurmurHash3 (fmix64): every input bit changes about half of the output's.
  static func mixed(_ word: UInt64) -> UInt64 {
    var word = word
    word = (word ^ (word >> 33)) &* 0xff51_afd7_ed55_8ccd
    word = (word ^ (word >> 33)) &* 0xc4ce_b9fe_1a85_ec53
    return word ^ (word >> 33)
  }
}

/// Blocks in the order they were appended; every operation is O(1).
private struct BlockList: Sendable {
  /// Neighbours by block; the last element is the ring's head.
  private var next: [Int32]
  private var previous: [Int32]
  private(set) var count = 0
  private var head: Int { next.count - 1 }

  init(blockCount: Int) {
    next = Array(0...Int32(blockCount))
    previous = next
  }

  var first: Int32? { count == 0 ? nil : next[head] }

  mutating func append(_ block: Int32) {
    let last = previous[head]
    next[Int(last)] = block
    previous[Int(block)] = last
    next[Int(block)] = Int32(head)
    previous[head] = block
    count += 1
  }

  mutating func remove(_ block: Int32) {
    let (before, after) = (previous[Int(block)], next[Int(block)])
    next[Int(before)] = after
    previous[Int(after)] = before
    count -= 1
  }
}
