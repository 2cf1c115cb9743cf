/// Everything that a static batch does, from the first prompt slot to the last token: the KV
/// regions of its sequences and its steps in order. A pure function of lengths and policy, so that
/// the engine and the simulator walk the same steps.
public struct BatchPlan: Hashable, Sendable {
  public let policy: Policy
  /// Prompt tokens per sequence that are fed; fewer than the request has where the policy cuts.
  public let promptLengths: [Int]
  /// Tokens to generate per sequence.
  public let outputLengths: [Int]
  /// By sequence; one more where steps have rows that fill up a graph's size.
  public let regions: [KVRegion]
  public let steps: [StepPlan]

  /// KV slots reserved, per layer and KV head.
  public var kvSlotsReserved: Int { regions.map { $0.base + $0.capacity }.max() ?? 0 }

  /// KV slots that hold a real token when the last step ends. The last token of a sequence is
  /// sampled but never fed, so it has no slot. Of a score pass: those of its largest
  /// micro-batch.
  public var kvSlotsUsed: Int {
    if isEncoding { return 0 }
    if isScore { return largest?.tokens ?? 0 }
    return zip(promptLengths, outputLengths).reduce(0) { $0 + $1.0 + $1.1 - 1 }
  }

  /// True when the plan scores its prompts and generates nothing.
  public var isScore: Bool { steps.first?.phase == .score }

  /// Largest number of slots in one micro-batch.
  public var largestMicroBatch: Int { largest?.slots ?? 0 }

  /// The micro-batch with the most slots, the first of several.
  var largest: MicroBatch? {
    var best: MicroBatch?
    for micro in steps.lazy.flatMap(\.microBatches) where micro.slots > (best?.slots ?? 0) {
      best = micro
    }
    return best
  }

  package init(
    policy: Policy, promptLengths: [Int], outputLengths: [Int], regions: [KVRegion],
    steps: [StepPlan]
  ) {
    self.policy = policy
    self.promptLengths = promptLengths
    self.outputLengths = outputLengths
    self.regions = regions
    self.steps = steps
  }
}

extension BatchPlan {
  /// Plans a static batch: the prefill, then decode steps until the longest output is done.
  ///
  /// Rows are cut into groups, at most `microBatches` of them unless the policy groups by length; a
  /// group has the same sequences in every step. With a padded policy a finished row stays in its
  /// batch, as it does in static-batching engines; packed rows leave.
  /// - Parameter graphs: sizes that the micro-batches of decode steps are filled up to.
  /// - Throws: `SchedulingError` on an empty batch, a prompt or output without tokens, no
  ///   micro-batch, or a prompt beyond the last bucket.
  public init(
    policy: Policy, promptLengths: [Int], outputLengths: [Int], microBatches: Int,
    padding: MicroBatchPadding = .global, graphs: GraphSizes? = nil
  ) throws(SchedulingError) {
    guard !promptLengths.isEmpty else { throw SchedulingError("the batch has no requests") }
    guard promptLengths.count == outputLengths.count else {
      throw SchedulingError(
        "\(promptLengths.count) prompts but \(outputLengths.count) output lengths")
    }
    for (index, lengths) in zip(promptLengths, outputLengths).enumerated() {
      guard lengths.0 > 0, lengths.1 > 0 else {
        throw SchedulingError(
          "request \(index) has \(lengths.0) prompt and \(lengths.1) output tokens; "
            + "both must be at least 1")
      }
    }
    guard microBatches > 0 else {
      throw SchedulingError("micro-batches is \(microBatches); it must be at least 1")
    }
    let arrangement = try Arrangement(
      policy, lengths: promptLengths, microBatches: microBatches, padding: padding)
    let rows = StaticRows(
      policy: policy, arrangement: arrangement, outputs: outputLengths, graphs: graphs)
    var base = 0
    var regions: [KVRegion] = []
    for sequence in promptLengths.indices {
      regions.append(KVRegion(base: base, capacity: rows.capacity(sequence: sequence)))
      base += regions[sequence].capacity
    }
    let decodes = rows.decodeSteps(groups: arrangement.groups)
    let isFilled = decodes.contains { step in
      step.microBatches.contains { $0.rows.last?.sequence == promptLengths.count }
    }
    if isFilled { regions.append(KVRegion(base: base, capacity: 1)) }
    self.init(
      policy: policy, promptLengths: arrangement.lengths, outputLengths: outputLengths,
      regions: regions, steps: rows.prefillSteps(groups: arrangement.groups) + decodes)
  }

  /// Cuts `0 ..< count` into at most `groups` consecutive ranges whose sizes differ by at most 1.
  static func groups(of count: Int, into groups: Int) -> [Range<Int>] {
    let groups = min(groups, count)
    return (0..<groups).map { count * $0 / groups..<count * ($0 + 1) / groups }
  }
}
