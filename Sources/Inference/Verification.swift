import Kernels
import Models
import Records
import Scheduling
import Workloads

/// Compares a layout and its policies with reference answers before anything is timed.
package struct Verification {
  let runner: BatchRunner
  let microBatches: Int
  /// Sizes that decode steps are filled up to.
  let graphs: GraphSizes?

  package init(runner: BatchRunner, microBatches: Int, graphs: GraphSizes? = nil) {
    self.graphs = graphs
    self.runner = runner
    self.microBatches = microBatches
  }

  /// Requests of a batch that stand for it: the shortest, the longest, and evenly between.
  static func sample(_ batch: Batch, count: Int) -> [Request] {
    let sorted = batch.requests.sorted { ($0.promptLength, $0.id) < ($1.promptLength, $1.id) }
    guard sorted.count > count else { return batch.requests }
    guard count > 1 else { return [sorted[sorted.count - 1]] }
    let chosen = (0..<count).map { sorted[$0 * (sorted.count - 1) / (count - 1)].id }
    return batch.requests.filter { chosen.contains($0.id) }
  }

  /// Runs the prompts under a policy and compares. Collective; `reference` is the coordinator's,
  /// and so is what comes back: the comparison, and per sequence the logits of its sampled slots.
  package func compare(
    policy: Policy, prompts: [[Int32]], outputLengths: [Int], scored: Set<Int> = [],
    reference: ReferenceAnswers?
  ) throws -> (comparison: Comparison, logits: [[[Float]]])? {
    let scored = runner.executor.scoresAll ? Set(prompts.indices) : scored
    let plans = try runner.context.together("plan") {
      guard runner.context.isCoordinator else { return [BatchPlan]() }
      return try BatchRunner.plans(
        policy: policy, promptLengths: prompts.map(\.count), outputLengths: outputLengths,
        microBatches: microBatches, graphs: graphs, layout: runner.context.layout)
    }
    let batch = try runner.distribute(plans: plans, prompts: prompts, scored: scored)
    try runner.executor.prepare(for: [batch])
    let capture = LogitCapture(sequences: batch.prompts.count)
    let result = try runner.run(batch, capture: capture)
    let logits = try runner.context.collect(capture)
    guard let reference else { return nil }
    let model = runner.executor.shard.plan.model
    if model.isEncoder {
      let expected =
        runner.executor.scoresAll
        ? reference : EncoderComparison.first(of: reference, hidden: model.hiddenSize)
      let states = EncoderComparison.joined(logits)
      return (Comparison(tokens: result.tokens, logits: states, reference: expected), logits)
    }
    // A scored sequence has logits of every prompt position; the last of them chose its token.
    let chosen = logits.indices.map { sequence in
      scored.contains(sequence)
        ? Array(logits[sequence].dropFirst(prompts[sequence].count - 1)) : logits[sequence]
    }
    return (
      Comparison(
        tokens: result.tokens, logits: chosen, reference: reference), logits
    )
  }
}
