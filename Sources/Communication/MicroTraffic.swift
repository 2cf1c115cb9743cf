import Models
import Scheduling

/// What a micro-batch sends, told from its rows.
struct MicroTraffic {
  let phase: Phase
  let rows: [PlanRow]
  let slots: Int
  let tokens: Int
  /// Rows through the head, and tokens or losses that come of them.
  let sampled: Int
  let returned: Int

  init(
    phase: Phase, rows: [PlanRow], slots: Int, tokens: Int, sampled: Int, returned: Int
  ) {
    self.phase = phase
    self.rows = rows
    self.slots = slots
    self.tokens = tokens
    self.sampled = sampled
    self.returned = returned
  }

  init(_ micro: MicroBatch, phase: Phase, plan: BatchPlan, scored: Set<Int>) {
    self.phase = phase
    rows = micro.rows
    slots = micro.slots
    tokens = micro.tokens
    sampled = micro.rows.reduce(0) { sum, row in
      let isScored = phase == .prefill && scored.contains(row.sequence)
      return sum + (isScored ? row.tokens : row.samples ? 1 : 0)
    }
    returned =
      phase == .score
      ? micro.rows.reduce(0) { sum, row in
        // Tokens that another one follows.
        let followed = plan.promptLengths[row.sequence] - row.firstToken - 1
        return sum + max(0, min(row.tokens, followed))
      } : micro.samples
  }

  /// Slots of a range, counted over all rows, that carry tokens.
  func tokens(in range: Range<Int>) -> Int {
    var first = 0
    var sum = 0
    for row in rows {
      let real = row.real.lowerBound + first..<row.real.upperBound + first
      sum += real.clamped(to: range).count
      first += row.slots
      if first >= range.upperBound { break }
    }
    return sum
  }
}

extension TrafficModel {
  /// Slots that a row-parallel product sums at a time, and those of them that carry tokens; empty
  /// where it sums all at once.
  func chunks(of micro: MicroTraffic) -> [(all: Int, useful: Int)] {
    guard reductionChunks > 1, reduction == .allReduce else { return [] }
    let chunks = ReductionChunks.ranges(of: micro.slots, most: reductionChunks)
    return chunks.count == 1 ? [] : chunks.map { ($0.count, micro.tokens(in: $0)) }
  }
}
