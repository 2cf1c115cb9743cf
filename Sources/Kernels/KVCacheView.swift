import Tensors

/// Keys and values of one layer.
///
/// The region (base, capacity) of a sequence is contiguous, and inside it the slots of one KV head
/// are: element `i` of slot `s` of head `h` is at
/// `offset + (base * kvHeads + h * capacity + s) * headDimension + i` of both storages,
/// whose elements have `format`.
///
/// A paged cache is cut into blocks of `blockSlots` slots, each laid out as a region; a row's block
/// table says where its slots are. A region is thus the special case of one block.
public struct KVCacheView: Sendable {
  public let keys: Storage
  public let values: Storage
  /// Element of both storages where the layer starts.
  public let offset: Int
  /// Slots of the layer, over all regions.
  public let slots: Int
  public let kvHeads: Int
  public let headDimension: Int
  /// Slots of a block; nil where rows have regions.
  public let blockSlots: Int?
  public let format: StorageFormat

  public init(
    keys: Storage, values: Storage, offset: Int, slots: Int, kvHeads: Int, headDimension: Int,
    blockSlots: Int? = nil, format: StorageFormat = .float32
  ) {
    precondition(blockSlots ?? 1 > 0, "a block has slots")
    precondition(
      offset >= 0 && slots >= 0 && kvHeads > 0 && headDimension > 0,
      "a cache of \(slots) slots, \(kvHeads) heads of \(headDimension) at \(offset) is no cache")
    let end = offset + slots * kvHeads * headDimension
    precondition(
      end <= format.elements(in: keys) && end <= format.elements(in: values),
      "a cache ending at element \(end) is outside storages of \(format.elements(in: keys)), "
        + "\(format.elements(in: values))")
    self.keys = keys
    self.values = values
    self.offset = offset
    self.slots = slots
    self.kvHeads = kvHeads
    self.headDimension = headDimension
    self.blockSlots = blockSlots
    self.format = format
  }

  /// The elements of a cache in bfloat16.
  var halfKeys: UnsafeMutablePointer<BFloat16Bits> { keys.bfloat16Pointer }
  var halfValues: UnsafeMutablePointer<BFloat16Bits> { values.bfloat16Pointer }

  /// Element of `keys` and `values` where a KV head of a row's region starts; its slots follow
  /// each other.
  /// - Precondition: the row has a region.
  public func start(of row: AttentionRow, kvHead: Int) -> Int {
    offset + (row.base * kvHeads + kvHead * row.capacity) * headDimension
  }

  /// Element of `keys` and `values` where a slot of a row begins, in its region or in its blocks.
  public func element(of row: AttentionRow, kvHead: Int, slot: Int) -> Int {
    guard let blockSlots else { return start(of: row, kvHead: kvHead) + slot * headDimension }
    return offset + Int(row.blocks[slot / blockSlots]) * blockStride
      + (kvHead * blockSlots + slot % blockSlots) * headDimension
  }

  /// Elements from a block to the next; 0 where rows have regions.
  public var blockStride: Int { (blockSlots ?? 0) * kvHeads * headDimension }
}
