import Kernels
import Scheduling

/// A micro-batch as the kernels see it: positions and attention rows slot by slot.
public struct MicroBatchInput {
  public let slots: Int
  public let tokens: Int
  /// Position id per slot.
  let positions: [Int32]
  let rows: [AttentionRow]
  /// Slots whose hidden state goes through the LM head, in row order.
  public let sampledSlots: [Int]
  /// Sequence per sampled slot.
  public let sampledSequences: [Int]
  /// Per row that samples its next token, the sampled slot that chooses it.
  public let choosing: [Int]

  /// - Parameters:
  ///   - regions: KV regions by sequence.
  ///   - scored: sequences of which the logits of every token fed are wanted, not those that
  ///     choose a token alone.
  public init(_ micro: MicroBatch, regions: [KVRegion], scored: Set<Int> = []) {
    slots = micro.slots
    tokens = micro.tokens
    var positions: [Int32] = []
    positions.reserveCapacity(slots)
    var rows: [AttentionRow] = []
    var sampledSlots: [Int] = []
    var sampledSequences: [Int] = []
    var choosing: [Int] = []
    for row in micro.rows {
      let first = positions.count
      let region = regions[row.sequence]
      for slot in 0..<row.slots { positions.append(Int32(row.position(ofSlot: slot))) }
      rows.append(
        AttentionRow(
          firstSlot: first, slots: row.slots, real: row.real, context: row.context,
          base: region.base, capacity: region.capacity, masked: row.masked))
      let wanted =
        scored.contains(row.sequence) ? row.real : row.samples ? row.real.suffix(1) : 0..<0
      sampledSlots += wanted.map { first + $0 }
      sampledSequences += wanted.map { _ in row.sequence }
      if row.samples { choosing.append(sampledSlots.count - 1) }
    }
    self.positions = positions
    self.rows = rows
    self.sampledSlots = sampledSlots
    self.sampledSequences = sampledSequences
    self.choosing = choosing
  }
}
