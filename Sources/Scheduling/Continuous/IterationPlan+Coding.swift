/// A plan as a flat list of integers, one broadcast per iteration.
///
/// Layout: id, items of requests, tokens, freed slots, rows that fill up a graph's size and, where there are
/// any, their slot and block; the freed slots; per item slot, request, phase and
/// samples in one word, first token, tokens, slots, context, masked from and to (the last four only
/// where the row is padded), known blocks, new blocks and those; the token ids. Of each block table
/// only what is new is sent: `BlockTables` keeps the rest.
extension IterationPlan {
  private static let decodes = 1
  private static let samples = 2
  private static let padded = 4

  public func encoded() -> [Int32] {
    var out: [Int32] = []
    out.reserveCapacity(4 + freedSlots.count + 8 * items.count + tokens.count)
    func put(_ value: Int) { out.append(Int32(truncatingIfNeeded: value)) }
    put(id)
    put(requestItems.count)
    put(tokens.count)
    put(freedSlots.count)
    put(graphRows)
    if graphRows > 0, let item = items.last {
      put(item.slot)
      out += item.blocks
    }
    for slot in freedSlots { put(slot) }
    for item in requestItems {
      let row = item.row
      let isPadded =
        row.slots != row.tokens || row.context != row.firstToken || !row.masked.isEmpty
      put(item.slot)
      put(item.request)
      put(
        (item.phase == .decode ? Self.decodes : 0) | (row.samples ? Self.samples : 0)
          | (isPadded ? Self.padded : 0))
      put(row.firstToken)
      put(row.tokens)
      if isPadded {
        put(row.slots)
        put(row.context)
        put(row.masked.lowerBound)
        put(row.masked.upperBound)
      }
      put(item.knownBlocks)
      put(item.blocks.count - item.knownBlocks)
      out += item.blocks[item.knownBlocks...]
    }
    out += tokens
    return out
  }

  fileprivate init(
    decoding words: [Int32], tables: inout [Int: [Int32]]
  ) throws(SchedulingError) {
    var reader = PlanWordReader(words: words)
    let id = try reader.count()
    let items = try reader.count(upTo: words.count)
    let tokens = try reader.count(upTo: words.count)
    let freedCount = try reader.count(upTo: words.count)
    let graphRows = try reader.count(upTo: GraphSizes.most)
    let graph = graphRows > 0 ? (try reader.count(), try reader.count()) : (0, 0)
    var freed: [Int] = []
    for _ in 0..<freedCount {
      freed.append(try reader.count())
      tables[freed[freed.count - 1]] = nil
    }
    self.init(id: id, items: [], freedSlots: freed)
    for _ in 0..<items {
      let slot = try reader.count()
      let request = try reader.count()
      let flags = try reader.count(upTo: 7)
      let first = try reader.count()
      let count = try reader.count()
      var row = PlanRow(
        sequence: slot, firstToken: first, tokens: count, slots: count, context: first,
        samples: false)
      if flags & Self.padded != 0 {
        row.slots = try reader.count()
        row.context = try reader.count()
        let low = try reader.count()
        row.masked = low..<max(low, try reader.count())
      }
      row.samples = flags & Self.samples != 0
      guard row.slots >= count, !row.samples || count > 0 else {
        throw SchedulingError("the plan has an impossible row before word \(reader.position)")
      }
      let known = try reader.count()
      guard known <= tables[slot]?.count ?? 0 else {
        throw SchedulingError(
          "plan \(id) relies on \(known) blocks of slot \(slot), of which "
            + "\(tables[slot]?.count ?? 0) were told; plans must be decoded in order")
      }
      let new = try reader.words(reader.count(upTo: words.count))
      tables[slot, default: []].replaceSubrange(known..., with: new)
      self.items.append(
        IterationItem(
          request: request, phase: flags & Self.decodes != 0 ? .decode : .prefill, row: row,
          blocks: tables[slot, default: []], knownBlocks: known))
    }
    addGraphRows(graphRows, slot: graph.0, block: Int32(graph.1))
    self.tokens = Array(try reader.words(tokens))
    guard reader.position == words.count else {
      throw SchedulingError("the plan has \(words.count - reader.position) words too many")
    }
  }
}

/// Block tables of a receiver of plans: it decodes every plan in order.
public struct BlockTables: Sendable {
  private var tables: [Int: [Int32]] = [:]

  public init() {}

  /// Rebuilds what `IterationPlan.encoded()` wrote.
  /// - Throws: `SchedulingError` when the list is cut, describes no plan, or a plan is missing
  ///   before it.
  public mutating func decode(_ words: [Int32]) throws(SchedulingError) -> IterationPlan {
    try IterationPlan(decoding: words, tables: &tables)
  }
}

private struct PlanWordReader {
  let words: [Int32]
  var position = 0

  mutating func count(upTo limit: Int = .max) throws(SchedulingError) -> Int {
    guard position < words.count else {
      throw SchedulingError("the plan ends after \(position) words")
    }
    let value = Int(words[position])
    guard (0...limit).contains(value) else {
      throw SchedulingError("the plan has \(value) at word \(position); expected 0...\(limit)")
    }
    position += 1
    return value
  }

  mutating func words(_ count: Int) throws(SchedulingError) -> ArraySlice<Int32> {
    guard count <= words.count - position else {
      throw SchedulingError("the plan ends after \(words.count) words")
    }
    defer { position += count }
    return words[position..<position + count]
  }
}
