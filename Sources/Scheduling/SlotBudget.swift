/// Why a slot carried no token.
public enum PaddingCause: String, Sendable, Codable, CaseIterable {
  /// The row is shorter than the longest of its batch (or of its micro-batch, where that is what
  /// rows are padded to).
  case length
  /// The batch's longest row is shorter than the fixed length.
  case fixed
  /// The longest row of the bucket is shorter than the bucket's edge.
  case bucket
  /// The row waits while longer prompts are fed position by position.
  case fill
  /// The row is done but still resident.
  case finished
  /// The step has fewer rows than the graph that it is run by.
  case graph
  /// No plan has it: a slot added where tensor ranks share the slots in equal blocks. It is sent
  /// and never computed, so it counts in bytes alone.
  case alignment
}

/// What padding of one cause costs.
public struct PaddingCost: Hashable, Sendable {
  /// Slots computed without a token.
  public var slots = 0
  /// (query, key) pairs of attention with padding on either side.
  public var pairs = 0
  /// KV slots reserved that hold padding when the last step ends.
  public var kvSlots = 0

  public init() {}
}

/// Slots and attention pairs of a plan by what they were for. `useful` plus the costs of all causes
/// is exactly the total.
public struct SlotBudget: Hashable, Sendable {
  /// Slots computed, and those that carried a real token.
  public private(set) var slots = 0
  public private(set) var useful = 0
  /// (query, key) pairs computed, and those between real tokens.
  public private(set) var pairs = 0
  public private(set) var usefulPairs = 0
  /// Rows whose next token was sampled: each passes the LM head once.
  public private(set) var samples = 0
  public private(set) var costs: [PaddingCause: PaddingCost] = [:]

  public init() {}

  /// Slots without a token, by cause and in all.
  public var padded: [PaddingCause: Int] { costs.mapValues(\.slots).filter { $0.value > 0 } }
  public var paddedTotal: Int { costs.values.reduce(0) { $0 + $1.slots } }

  mutating func add(_ row: PlanRow, padding: [PaddingRange]) {
    slots += row.slots
    useful += row.tokens
    pairs += row.attentionPairs
    samples += row.samples ? 1 : 0
    if row.isBidirectional { return addWholeRow(row, padding: padding) }
    let queries = row.context..<row.context + row.slots
    let real = row.real.lowerBound + row.context..<row.real.upperBound + row.context
    var seen = row.tokens
    var wasted = 0
    for part in padding {
      // Padded queries see every key up to their own.
      let padded = part.range.clamped(to: queries)
      if !padded.isEmpty {
        charge(part.cause, slots: padded.count, pairs: Self.keysSeen(by: padded))
        seen += padded.count
        wasted += Self.keysSeen(by: padded)
      }
      // Real queries see padded keys where those lie before them.
      for query in real where part.range.lowerBound <= query {
        let keys = min(part.range.upperBound, query + 1) - part.range.lowerBound
        charge(part.cause, slots: 0, pairs: keys)
        wasted += keys
      }
    }
    // A resident row that is done: its slot lies behind all padding of the prompt.
    if seen < row.slots {
      let done = queries.suffix(row.slots - seen)
      charge(
        .finished, slots: done.count, pairs: Self.keysSeen(by: done.startIndex..<done.endIndex))
      wasted += Self.keysSeen(by: done.startIndex..<done.endIndex)
    }
    usefulPairs += row.attentionPairs - wasted
  }

  /// A row whose queries all see all of it: padding costs its own queries and its part as a key.
  private mutating func addWholeRow(_ row: PlanRow, padding: [PaddingRange]) {
    for part in padding {
      let count = part.range.count
      charge(part.cause, slots: count, pairs: count * (row.slots + row.tokens))
    }
    usefulPairs += row.usefulAttentionPairs
  }

  /// A row that fills up a graph's size.
  mutating func addGraph(_ row: PlanRow) {
    slots += row.slots
    pairs += row.attentionPairs
    charge(.graph, slots: row.slots, pairs: row.attentionPairs)
  }

  mutating func addKV(_ slots: Int, _ cause: PaddingCause) {
    if slots > 0 { costs[cause, default: PaddingCost()].kvSlots += slots }
  }

  private mutating func charge(_ cause: PaddingCause, slots: Int, pairs: Int) {
    guard slots > 0 || pairs > 0 else { return }
    costs[cause, default: PaddingCost()].slots += slots
    costs[cause, default: PaddingCost()].pairs += pairs
  }

  /// Keys that queries at these region slots see together: slot s sees s + 1.
  private static func keysSeen(by queries: Range<Int>) -> Int {
    (queries.lowerBound + queries.upperBound + 1) * queries.count / 2
  }
}

/// KV slots of one sequence's region that hold padding of one cause.
struct PaddingRange: Hashable, Sendable {
  var cause: PaddingCause
  var range: Range<Int>
}

extension BatchPlan {
  /// The budget of the steps of one phase, or of all steps; the KV slots are those of the batch.
  public func slotBudget(_ phase: Phase? = nil) -> SlotBudget {
    var budget = SlotBudget()
    let padding = paddingRanges()
    for step in steps where phase == nil || step.phase == phase {
      for micro in step.microBatches {
        for row in micro.rows {
          if row.sequence < padding.count {
            budget.add(row, padding: padding[row.sequence])
          } else {
            budget.addGraph(row)
          }
        }
      }
    }
    // An encoder reserves none.
    guard !isEncoding else { return budget }
    // Micro-batches of a score pass share their KV slots: the largest has all of them.
    let resident = isScore ? Set(largest?.rows.map(\.sequence) ?? []) : Set(padding.indices)
    for (sequence, ranges) in padding.enumerated() where resident.contains(sequence) {
      for part in ranges { budget.addKV(part.range.count, part.cause) }
      let used =
        promptLengths[sequence] + max(0, outputLengths[sequence] - 1)
        + ranges.reduce(0) { $0 + $1.range.count }
      budget.addKV(regions[sequence].capacity - used, .finished)
    }
    for region in regions.dropFirst(padding.count) { budget.addKV(region.capacity, .graph) }
    return budget
  }

  /// Per sequence, where its region holds padding and why.
  private func paddingRanges() -> [[PaddingRange]] {
    var out = [[PaddingRange]](repeating: [], count: promptLengths.count)
    var known = Set<Int>()
    for micro in steps.lazy.filter({ $0.phase != .decode }).flatMap(\.microBatches) {
      // What rows would be padded to if there were no fixed length and no bucket.
      let natural: Int
      let beyond: PaddingCause
      switch policy {
      case .fixed: (natural, beyond) = (promptLengths.max() ?? 0, .fixed)
      case .bucketed: (natural, beyond) = (micro.rows.map(\.tokens).max() ?? 0, .bucket)
      case .megatronIterative: (natural, beyond) = (0, .fill)
      default: (natural, beyond) = (.max, .length)
      }
      for row in micro.rows where known.insert(row.sequence).inserted {
        let length = row.masked.clamped(to: 0..<natural)
        let rest = row.masked.clamped(to: natural..<Int.max)
        out[row.sequence] = [
          PaddingRange(cause: .length, range: length), PaddingRange(cause: beyond, range: rest),
        ].filter { !$0.range.isEmpty }
      }
    }
    return out
  }
}
