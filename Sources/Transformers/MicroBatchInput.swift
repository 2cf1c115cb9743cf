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

  /// - Parameters:
  ///   - regions: KV regions by sequence.
  ///   - scored: sequences of which every prompt position is sampled, not the last one alone.
  public init(_ micro: MicroBatch, regions: [KVRegion], scored: Set<Int> = []) {
    slots = micro.slots
    tokens = micro.tokens
    var positions: [Int32] = []
    positions.reserveCapacity(slots)
    var rows: [AttentionRow] = []
    var sampledSlots: [Int] = []
    var sampledSequences: [Int] = []
    for row in micro.rows {
      let first = positions.count
      let region = regions[row.sequence]
      for slot in 0..<row.slots { positions.append(Int32(row.position(ofSlot: slot))) }
      rows.append(
        AttentionRow(
          firstSlot: first, slots: row.slots, real: row.real, context: row.context,
          base: region.base, capacity: region.capacity, masked: row.masked))
      guard row.samples else { continue }
      let last = first + row.real.upperBound - 1
      let from = scored.contains(row.sequence) ? first + row.real.lowerBound : last
      for slot in from...last {
        sampledSlots.append(slot)
        sampledSequences.append(row.sequence)
      }
    }
    self.positions = positions
    self.rows = rows
    self.sampledSlots = sampledSlots
    self.sampledSequences = sampledSequences
  }
}
