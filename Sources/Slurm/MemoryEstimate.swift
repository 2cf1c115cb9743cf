import Models
import Records
import Scheduling

/// Host memory that a layout of a job needs, from above: what `padtax-rank` counts exactly from the
/// plans before it starts is never more.
struct MemoryEstimate: Hashable, Sendable {
  /// MPI's buffers, the BLAS and the program, per rank.
  static let programBytes = 512 << 20

  /// Bytes of the rank that needs most.
  let rankBytes: Int
  /// Weights of the unsharded model, which one rank verifies answers with.
  let referenceBytes: Int

  init(_ resolved: ResolvedJob, _ layout: ParallelLayout) throws {
    let extent = try Extent(resolved, layout)
    let largest = try (0..<layout.worldSize).reduce(0) { largest, rank in
      let plan = try ShardPlan(model: resolved.model, layout: layout, rank: rank)
      return max(largest, extent.bytes(on: plan, resolved.job.numbers))
    }
    // A quarter for what the formula leaves out.
    rankBytes = largest / 4 * 5 + Self.programBytes
    referenceBytes = resolved.model.weightBytes(elementBytes: resolved.job.numbers.weights.bytes)
  }

  /// Memory to ask for on a node with so many ranks, nil when it has too little. Answers are
  /// verified with fewer layers where the whole model does not fit beside the ranks.
  func nodeBytes(tasks: Int, available: Int) -> Int? {
    let ranks = tasks * rankBytes
    guard ranks <= available else { return nil }
    return min(ranks + referenceBytes, available)
  }

  /// What batches ask of a rank at most.
  struct Extent: Hashable, Sendable {
    /// Rows of a replica.
    var rows = 0
    /// Slots of the largest micro-batch.
    var slots = 0
    var kvSlots = 0
    /// Micro-batches of a step.
    var microBatches: Int

    init(_ resolved: ResolvedJob, _ layout: ParallelLayout) throws {
      let job = resolved.job
      microBatches = max(job.microBatches, layout.pipeline)
      for batch in resolved.batches {
        let output = resolved.outputLengths(of: batch).max() ?? 0
        for replica in 0..<layout.data {
          let lengths = Array(
            batch.lengths[ShardPlan.split(batch.count, into: layout.data, part: replica)])
          rows = max(rows, lengths.count)
          for policy in job.policies {
            let width = max(batch.longest, policy.widestRow(longest: batch.longest))
            kvSlots = max(kvSlots, lengths.count * (width + output))
            // One token each: prefill alone, which has the largest micro-batches.
            let plan = try BatchPlan(
              policy: policy, promptLengths: lengths, outputLengths: lengths.map { _ in 1 },
              microBatches: job.microBatches, padding: job.microBatchPadding)
            slots = max(slots, plan.largestMicroBatch)
            microBatches = max(microBatches, plan.steps.map(\.microBatches.count).max() ?? 1)
          }
        }
      }
    }

    /// Weights, keys and values, activations and logits.
    func bytes(on plan: ShardPlan, _ numbers: NumberFormats) -> Int {
      let ring = plan.layout.pipeline == 1 ? 1 : 2 * (microBatches + 1)
      let widths =
        (3 + ring) * plan.model.hiddenSize + 2 * plan.queryWidth + 2 * plan.kvWidth
      let block = min(slots, 1024) * 3 * plan.feedForward.count
      let logits =
        plan.hasLMHead
        ? max(rows, min(slots, 1024)) * (plan.vocabulary.count + plan.model.vocabularySize) : 0
      return plan.weightBytes(elementBytes: numbers.weights.bytes)
        + plan.kvBytesPerToken(elementBytes: numbers.cache.bytes) * kvSlots
        + 4 * (slots * widths + block + logits)
    }
  }
}
