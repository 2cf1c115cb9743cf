/// Everything that a static batch does, from the first prompt slot to the last token: the KV
/// regions of its sequences and its steps in order. A pure function of lengths and policy, so that
/// the engine and the simulator walk the same steps.
public struct BatchPlan: Hashable, Sendable {
  public let policy: Policy
  /// Prompt tokens per sequence.
  public let promptLengths: [Int]
  /// Tokens to generate per sequence.
  public let outputLengths: [Int]
  public let regions: [KVRegion]
  public let steps: [StepPlan]

  /// KV slots reserved, per layer and KV head.
  public var kvSlotsReserved: Int { regions.reduce(0) { $0 + $1.capacity } }

  /// KV slots that hold a real token when the last step ends. The last token of a sequence is
  /// sampled but never fed, so it has no slot.
  public var kvSlotsUsed: Int {
    zip(promptLengths, outputLengths).reduce(0) { $0 + $1.0 + $1.1 - 1 }
  }

  /// Largest number of slots in one micro-batch.
  public var largestMicroBatch: Int {
    steps.flatMap(\.microBatches).map(\.slots).max() ?? 0
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
  /// Plans a static batch: one prefill step, then decode steps until the longest output is done.
  ///
  /// Rows are cut into at most `microBatches` groups of consecutive sequences; a group has the
  /// same sequences in every step. With a padded policy a finished row stays in its batch, as it
  /// does in static-batching engines; packed rows leave.
  /// - Throws: `SchedulingError` on an empty batch, a prompt or output without tokens, or no
  ///   micro-batch.
  public init(
    policy: Policy, promptLengths: [Int], outputLengths: [Int], microBatches: Int
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
    let rows = StaticRows(
      policy: policy, promptLengths: promptLengths, outputLengths: outputLengths)
    let groups = Self.groups(of: promptLengths.count, into: microBatches)
    var steps = [
      StepPlan(
        phase: .prefill,
        microBatches: groups.map { MicroBatch(rows: $0.map { rows.prefill(sequence: $0) }) })
    ]
    for step in 1..<max(1, outputLengths.max() ?? 1) {
      let micro = groups.map { group in
        MicroBatch(rows: group.compactMap { rows.decode(sequence: $0, step: step) })
      }
      steps.append(
        StepPlan(phase: .decode, microBatches: micro.filter { !$0.rows.isEmpty }))
    }
    var base = 0
    var regions: [KVRegion] = []
    for sequence in promptLengths.indices {
      regions.append(KVRegion(base: base, capacity: rows.capacity(sequence: sequence)))
      base += regions[sequence].capacity
    }
    self.init(
      policy: policy, promptLengths: promptLengths, outputLengths: outputLengths,
      regions: regions, steps: steps)
  }

  /// Cuts `0 ..< count` into at most `groups` consecutive ranges whose sizes differ by at most 1.
  static func groups(of count: Int, into groups: Int) -> [Range<Int>] {
    let groups = min(groups, count)
    return (0..<groups).map { count * $0 / groups..<count * ($0 + 1) / groups }
  }
}

/// Rows of a static batch under one policy.
struct StaticRows {
  let policy: Policy
  let promptLengths: [Int]
  let outputLengths: [Int]
  let longest: Int
  let longestOutput: Int

  init(policy: Policy, promptLengths: [Int], outputLengths: [Int]) {
    self.policy = policy
    self.promptLengths = promptLengths
    self.outputLengths = outputLengths
    longest = promptLengths.max() ?? 0
    longestOutput = outputLengths.max() ?? 0
  }

  /// Slots of the row in prefill.
  func width(_ sequence: Int) -> Int { policy.isPadded ? longest : promptLengths[sequence] }

  /// Region slots that hold padding once the prompt is in.
  func padding(_ sequence: Int) -> Range<Int> {
    let length = promptLengths[sequence]
    return switch policy {
    case .rightPad: length..<longest
    case .leftPad: 0..<(longest - length)
    case .packed: 0..<0
    }
  }

  func prefill(sequence: Int) -> PlanRow {
    let length = promptLengths[sequence]
    return PlanRow(
      sequence: sequence, firstToken: 0, tokens: length, slots: width(sequence),
      leading: policy == .leftPad ? longest - length : 0, context: 0, masked: padding(sequence),
      samples: true)
  }

  /// The row that feeds output token `step` (the first output token is fed by step 1), or nil when
  /// the sequence has left the batch.
  func decode(sequence: Int, step: Int) -> PlanRow? {
    let active = step < outputLengths[sequence]
    guard active || policy.isPadded else { return nil }
    return PlanRow(
      sequence: sequence, firstToken: promptLengths[sequence] + step - 1, tokens: active ? 1 : 0,
      slots: 1, context: width(sequence) + step - 1, masked: padding(sequence), samples: active)
  }

  func capacity(sequence: Int) -> Int {
    width(sequence) + (policy.isPadded ? longestOutput : outputLengths[sequence]) - 1
  }
}
