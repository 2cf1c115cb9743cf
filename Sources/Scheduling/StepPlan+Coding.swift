/// A plan as a flat list of integers, for broadcast from the coordinator.
///
/// Layout: policy's name as a count and bytes, sequences, then per sequence prompt and output length, base and capacity; regions
/// beyond those (0 or 1), base and capacity of each; then steps; per step phase and micro-batches; per micro-batch rows; per row nine fields.
extension BatchPlan {
  public func encoded() -> [Int32] {
    var out: [Int32] = []
    func put(_ value: Int) { out.append(Int32(value)) }
    let name = Array(policy.description.utf8)
    put(name.count)
    for byte in name { put(Int(byte)) }
    put(promptLengths.count)
    for index in promptLengths.indices {
      put(promptLengths[index])
      put(outputLengths[index])
      put(regions[index].base)
      put(regions[index].capacity)
    }
    put(regions.count - promptLengths.count)
    for region in regions[promptLengths.count...] {
      put(region.base)
      put(region.capacity)
    }
    put(steps.count)
    for step in steps {
      put(Phase.allCases.firstIndex(of: step.phase) ?? 0)
      put(step.microBatches.count)
      for micro in step.microBatches {
        put(micro.rows.count)
        for row in micro.rows {
          put(row.sequence)
          put(row.firstToken)
          put(row.tokens)
          put(row.slots)
          put(row.leading)
          put(row.context)
          put(row.masked.lowerBound)
          put(row.masked.upperBound)
          put(row.samples ? 1 : 0)
        }
      }
    }
    return out
  }

  /// Rebuilds what `encoded()` wrote.
  /// - Throws: `SchedulingError` when the list is cut or does not describe a plan.
  public init(decoding words: [Int32]) throws(SchedulingError) {
    var reader = WordReader(words: words)
    let policy = try Policy(parsing: reader.text())
    let sequences = try reader.next(in: 1..<max(2, words.count))
    var prompts: [Int] = []
    var outputs: [Int] = []
    var regions: [KVRegion] = []
    for _ in 0..<sequences {
      prompts.append(try reader.next())
      outputs.append(try reader.next())
      regions.append(KVRegion(base: try reader.next(), capacity: try reader.next()))
    }
    for _ in 0..<(try reader.next(in: 0..<2)) {
      regions.append(KVRegion(base: try reader.next(), capacity: try reader.next()))
    }
    // Rows of an encoder's plan see all of themselves: no word says so. A score pass generates
    // nothing either, but its rows are causal.
    let encodes = outputs.allSatisfy { $0 == 0 }
    var steps: [StepPlan] = []
    for _ in 0..<(try reader.next(in: 0..<words.count)) {
      let phase = Phase.allCases[try reader.next(in: 0..<Phase.allCases.count)]
      var micro: [MicroBatch] = []
      for _ in 0..<(try reader.next(in: 0..<words.count)) {
        var rows: [PlanRow] = []
        for _ in 0..<(try reader.next(in: 0..<words.count)) {
          let row = try reader.row(regions: regions.count)
          rows.append(encodes && phase != .score ? row.bidirectional : row)
        }
        micro.append(MicroBatch(rows: rows))
      }
      steps.append(StepPlan(phase: phase, microBatches: micro))
    }
    try reader.expectEnd()
    self.init(
      policy: policy, promptLengths: prompts, outputLengths: outputs,
      regions: regions, steps: steps)
  }
}

private struct WordReader {
  let words: [Int32]
  var position = 0

  mutating func next() throws(SchedulingError) -> Int {
    guard position < words.count else {
      throw SchedulingError("the plan ends after \(position) words")
    }
    defer { position += 1 }
    return Int(words[position])
  }

  mutating func next(in range: Range<Int>) throws(SchedulingError) -> Int {
    let value = try next()
    guard range.contains(value) else {
      throw SchedulingError("the plan has \(value) at word \(position - 1); expected \(range)")
    }
    return value
  }

  mutating func text() throws(SchedulingError) -> String {
    var bytes: [UInt8] = []
    for _ in 0..<(try next(in: 0..<words.count)) { bytes.append(UInt8(try next(in: 0..<256))) }
    return String(decoding: bytes, as: UTF8.self)
  }

  mutating func row(regions: Int) throws(SchedulingError) -> PlanRow {
    let sequence = try next(in: 0..<regions)
    let first = try next()
    let tokens = try next()
    let slots = try next()
    let leading = try next()
    let context = try next()
    let low = try next()
    let high = try next()
    let samples = try next(in: 0..<2) == 1
    guard
      first >= 0, tokens >= 0, leading >= 0, context >= 0, leading + tokens <= slots,
      0 <= low, low <= high, !samples || tokens > 0
    else { throw SchedulingError("the plan has an impossible row before word \(position)") }
    return PlanRow(
      sequence: sequence, firstToken: first, tokens: tokens, slots: slots, leading: leading,
      context: context, masked: low..<high, samples: samples)
  }

  func expectEnd() throws(SchedulingError) {
    guard position == words.count else {
      throw SchedulingError("the plan has \(words.count - position) words too many")
    }
  }
}
