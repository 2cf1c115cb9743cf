import Kernels
import Scheduling

/// A micro-batch as the kernels see it: positions and attention rows slot by slot.
public struct MicroBatchInput {
  public let slots: Int
  public let tokens: Int
  /// Position id per slot.
  let positions: [Int32]
  let rows: [AttentionRow]
  /// Token type per slot, for encoders; 0 where none was given.
  let tokenTypes: [Int32]
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
  ///   - tokenTypes: by sequence and token; empty when all are 0.
  ///   - reads: the token of a sequence whose row is the answer.
  public init(
    _ micro: MicroBatch, regions: [KVRegion], scored: Set<Int> = [],
    tokenTypes: [[Int32]] = [], reads: AnswerPlace = .last
  ) {
    slots = micro.slots
    tokens = micro.tokens
    var positions: [Int32] = []
    var types: [Int32] = []
    positions.reserveCapacity(slots)
    var rows: [AttentionRow] = []
    var sampledSlots: [Int] = []
    var sampledSequences: [Int] = []
    var choosing: [Int] = []
    for row in micro.rows {
      let first = positions.count
      let region = regions[row.sequence]
      for slot in 0..<row.slots {
        positions.append(Int32(row.position(ofSlot: slot)))
        let isTyped = row.real.contains(slot) && !tokenTypes.isEmpty
        types.append(
          isTyped ? tokenTypes[row.sequence][row.firstToken + slot - row.leading] : 0)
      }
      rows.append(
        AttentionRow(
          firstSlot: first, slots: row.slots, real: row.real, context: row.context,
          base: region.base, capacity: region.capacity, masked: row.masked))
      let wanted =
        scored.contains(row.sequence) ? row.real : row.samples ? reads.slots(row.real) : 0..<0
      sampledSlots += wanted.map { first + $0 }
      sampledSequences += wanted.map { _ in row.sequence }
      if row.samples {
        choosing.append(sampledSlots.count - (reads == .last ? 1 : wanted.count))
      }
    }
    self.positions = positions
    self.tokenTypes = types
    self.rows = rows
    self.sampledSlots = sampledSlots
    self.sampledSequences = sampledSequences
    self.choosing = choosing
  }
}

extension MicroBatchInput {
  /// How many of some slots carry tokens.
  func tokens(in range: Range<Int>) -> Int {
    rows.reduce(0) { sum, row in
      let real = row.firstSlot + row.real.lowerBound..<row.firstSlot + row.real.upperBound
      return sum + real.clamped(to: range).count
    }
  }
}

/// The token of a sequence whose row answers for it.
public enum AnswerPlace: Sendable {
  /// The first: an encoder's [CLS].
  case first
  /// The last: a decoder's next token.
  case last

  func slots(_ real: Range<Int>) -> Range<Int> {
    self == .first ? real.prefix(1) : real.suffix(1)
  }
}

extension MicroBatchInput {
  /// The rows of an iteration, whose keys and values lie in blocks of `blockSlots` slots.
  public init(_ plan: IterationPlan, blockSlots: Int) {
    var positions: [Int32] = []
    var rows: [AttentionRow] = []
    var sampledSlots: [Int] = []
    var sampledSequences: [Int] = []
    positions.reserveCapacity(plan.slots)
    rows.reserveCapacity(plan.items.count)
    for item in plan.items {
      let (row, first) = (item.row, positions.count)
      for slot in 0..<row.slots { positions.append(Int32(row.position(ofSlot: slot))) }
      rows.append(
        AttentionRow(
          firstSlot: first, slots: row.slots, real: row.real, context: row.context,
          blocks: item.blocks, blockSlots: blockSlots, masked: row.masked))
      guard row.samples else { continue }
      sampledSlots.append(first + row.real.upperBound - 1)
      sampledSequences.append(item.request)
    }
    slots = positions.count
    tokens = plan.items.reduce(0) { $0 + $1.tokens }
    self.positions = positions
    self.rows = rows
    tokenTypes = []
    self.sampledSlots = sampledSlots
    self.sampledSequences = sampledSequences
    choosing = Array(sampledSlots.indices)
  }
}
