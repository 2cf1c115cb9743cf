import Scheduling

/// Puts stages that were measured one after the other together to the run that they would have made:
/// what each costs is known, messages cost what a network says.
///
/// Stages walk steps and micro-batches in one order; a stage starts a micro-batch when it is free and
/// the activations are there; the first stage feeds a sequence's token when the last stage's has come
/// back; decode begins when every first token has. That is what `Inference/BatchExecutor` does.
struct RoundSchedule {
  /// Seconds of a stage's micro-batch: computing, and collectives of its tensor group.
  struct Cost {
    var compute: Double
    var collectives: Double
  }

  struct Result {
    var prefillEnd = 0.0
    var end = 0.0
    /// Seconds that stages computed and spent in collectives in the prefill, summed over stages.
    var compute = 0.0
    var collectives = 0.0
  }

  /// By stage, step and micro-batch.
  let costs: [[[Cost]]]
  /// Seconds of activations from stage to stage, and of tokens from the last to the first.
  let activations: (MicroBatch) -> Double
  let tokens: (MicroBatch) -> Double

  func run(_ plan: BatchPlan) -> Result {
    var result = Result()
    var free = [Double](repeating: 0, count: costs.count)
    /// By sequence, when the first stage knows its latest token.
    var known = [Double](repeating: 0, count: plan.promptLengths.count)
    var isDecoding = false
    for (index, step) in plan.steps.enumerated() {
      if step.phase == .decode && !isDecoding {
        isDecoding = true
        result.prefillEnd = known.max() ?? 0
        free[0] = max(free[0], result.prefillEnd)
      }
      for (number, micro) in step.microBatches.enumerated() {
        var arrival =
          micro.rows.map { $0.sequence < known.count ? known[$0.sequence] : 0 }.max() ?? 0
        for stage in costs.indices {
          let cost = costs[stage][index][number]
          let start = max(free[stage], arrival)
          free[stage] = start + cost.compute + cost.collectives
          arrival = free[stage] + (stage + 1 < costs.count ? activations(micro) : 0)
          if !isDecoding {
            result.compute += cost.compute
            result.collectives += cost.collectives
          }
        }
        let back = costs.count > 1 ? arrival + tokens(micro) : arrival
        for row in micro.rows where row.samples { known[row.sequence] = back }
      }
    }
    result.end = max(known.max() ?? 0, free.max() ?? 0)
    if !isDecoding { result.prefillEnd = known.max() ?? result.end }
    return result
  }
}
