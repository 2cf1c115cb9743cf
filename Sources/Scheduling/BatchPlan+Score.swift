extension BatchPlan {
  /// Plans the scoring of prompts: one pass over them, no decode.
  ///
  /// Rows, groups and padding are those of the prefill. Keys and values are needed only while
  /// their micro-batch is in a layer, so all micro-batches use the same KV slots.
  /// - Throws: `SchedulingError` on an empty batch, a prompt without tokens, no micro-batch, a
  ///   prompt beyond the last bucket, or a policy that only makes sense for generating.
  public init(
    scoring policy: Policy, promptLengths: [Int], microBatches: Int,
    padding: MicroBatchPadding = .global
  ) throws(SchedulingError) {
    try Self.checkScore(policy)
    // The prefill of a batch that generates one token each has the rows that are scored.
    let plan = try BatchPlan(
      policy: policy, promptLengths: promptLengths,
      outputLengths: promptLengths.map { _ in 1 }, microBatches: microBatches, padding: padding)
    var regions = plan.regions
    let steps = plan.steps.map { step in
      StepPlan(
        phase: .score,
        microBatches: step.microBatches.map { micro in
          var base = 0
          return MicroBatch(
            rows: micro.rows.map { row in
              regions[row.sequence] = KVRegion(base: base, capacity: row.slots)
              base += row.slots
              var row = row
              row.samples = false
              return row
            })
        })
    }
    self.init(
      policy: policy, promptLengths: plan.promptLengths,
      outputLengths: promptLengths.map { _ in 0 }, regions: regions, steps: steps)
  }

  /// - Throws: `SchedulingError` for a policy that cannot score.
  public static func checkScore(_ policy: Policy) throws(SchedulingError) {
    guard policy == .megatronIterative else { return }
    throw SchedulingError(
      "\(policy) feeds prompts position by position because it generates; a score pass sees them "
        + "whole; any other policy can score, such as right-pad or packed")
  }
}

extension PlanRow {
  /// Per slot of a score pass, the token that its logits are scored by; nil where the loss mask is
  /// 0: at padding, and at the last token of the prompt, which nothing follows.
  /// - Parameter prompt: the sequence's tokens that are fed.
  public func scoreTargets(prompt: [Int32]) -> [Int32?] {
    (0..<slots).map { slot in
      let next = firstToken + slot - leading + 1
      return real.contains(slot) && next < prompt.count ? prompt[next] : nil
    }
  }
}
