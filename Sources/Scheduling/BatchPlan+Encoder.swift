extension BatchPlan {
  /// Plans one pass of an encoder: every row sees the whole of itself, nothing is generated, and no
  /// keys or values are kept (regions are empty, output lengths 0).
  /// - Throws: what `init(policy:…)` throws, and on a policy that feeds rows position by position.
  public init(
    encoding policy: Policy, promptLengths: [Int], microBatches: Int,
    padding: MicroBatchPadding = .global
  ) throws(SchedulingError) {
    guard policy != .megatronIterative else {
      throw SchedulingError(
        "policy \(policy) feeds prompts position by position; an encoder's attention sees whole rows"
      )
    }
    let plan = try BatchPlan(
      policy: policy, promptLengths: promptLengths, outputLengths: promptLengths.map { _ in 1 },
      microBatches: microBatches, padding: padding)
    self.init(
      policy: policy, promptLengths: plan.promptLengths,
      outputLengths: promptLengths.map { _ in 0 },
      regions: promptLengths.map { _ in KVRegion(base: 0, capacity: 0) },
      steps: plan.steps.map { step in
        StepPlan(
          phase: step.phase,
          microBatches: step.microBatches.map { micro in
            MicroBatch(rows: micro.rows.map(\.bidirectional))
          })
      })
  }

  /// True when the plan encodes its prompts and generates nothing.
  public var isEncoding: Bool { !isScore && outputLengths.allSatisfy { $0 == 0 } }
}

extension PlanRow {
  /// The row with every query seeing all of its slots.
  var bidirectional: PlanRow {
    var row = self
    row.isBidirectional = true
    return row
  }
}
