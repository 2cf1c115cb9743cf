/// Which slots of a micro-batch each tensor rank keeps: all of them, or, where results are
/// scattered, one of equal blocks of consecutive slots.
///
/// The last blocks are filled up with *dead slots*, which are zeros: they are normed and sent, but
/// pass through no product.
public struct SlotPartition: Sendable, Hashable {
  /// Slots of the plan.
  public let slots: Int
  /// 1 where every rank keeps all slots.
  public let parts: Int

  public init(slots: Int, parts: Int) {
    precondition(slots >= 0 && parts >= 1, "\(slots) slots cannot be cut into \(parts) blocks")
    self.slots = slots
    self.parts = parts
  }

  /// Slots of a block, dead ones included.
  public var block: Int { (slots + parts - 1) / parts }
  /// Slots of all blocks.
  public var padded: Int { block * parts }
  public var dead: Int { padded - slots }

  /// Slots of block `part`, dead ones included.
  public func range(_ part: Int) -> Range<Int> { part * block..<(part + 1) * block }

  /// Per block, how many of some slots of the plan lie in it.
  public func counts(of chosen: [Int]) -> [Int] {
    guard parts > 1 else { return [chosen.count] }
    var counts = [Int](repeating: 0, count: parts)
    for slot in chosen { counts[slot / block] += 1 }
    return counts
  }
}
