import MPI
import Models
import Records
import Scheduling
import Serving
import Transformers

/// Compares serving systems with one-by-one decoding before anything is timed.
///
/// The requests come at once, and limits are so tight that prompts are cut and sequences are
/// preempted where the system does that at all.
struct ServingVerification {
  let context: RankContext
  let shard: TransformerShard
  let choice: ServingChoice
  let prompts: [[Int32]]
  let outputs: [Int]

  /// Collective; `reference` is the coordinator's, and so is what comes back.
  func compare(_ system: ServingSystem, reference: ReferenceAnswers?) throws -> Comparison? {
    let requests = try zip(prompts, outputs).enumerated().map { id, request in
      try ServingRequest(
        id: id, prompt: .tokens(request.0), outputTokens: request.1, arrival: 0)
    }
    let limits = try context.together("limits") { try self.limits(system, requests) }
    let executor = try context.together("memory") {
      try ServingExecutor(context: context, shard: shard, limits: limits)
    }
    let capture = LogitCapture(sequences: prompts.count)
    executor.capture = capture
    let loop = try ServingLoop(executor)
    _ = try loop.run(context.isCoordinator ? ServingSession(requests, limits: limits) : nil)
    let logits = try context.collect(capture)
    guard let reference else { return nil }
    let tokens = requests.map { loop.answers[$0.id] ?? [] }
    return Comparison(tokens: tokens, logits: logits, reference: reference)
  }

  /// The system's limits, but that prompts hardly fit an iteration and blocks hardly the sequences.
  private func limits(
    _ system: ServingSystem, _ requests: [ServingRequest]
  ) throws -> SchedulerLimits {
    let longest = requests.map(\.storedTokens).max() ?? 1
    let widest = prompts.map(\.count).max() ?? 1
    let all = requests.reduce(0) { $0 + $1.storedTokens }
    var limits = try choice.limits(
      system, blockCount: 1 << 20, stages: context.layout.pipeline)
    limits.maxBatchSize = min(limits.maxBatchSize, requests.count)
    if limits.mode.isRequestLevel || system.isContiguous {
      // Rectangles, or whole reservations, of all requests at once.
      let row = widest + (outputs.max() ?? 1)
      if system.isContiguous { limits.reservation = .contiguous(maxSequenceLength: row) }
      limits.blockCount = requests.count * limits.blocks(for: row)
      limits.maxNumTokens = min(limits.maxNumTokens, max(widest, limits.maxBatchSize) * 2)
    } else {
      limits.blockCount = max(
        limits.blocks(for: longest), limits.maxBatchSize, limits.blocks(for: all) * 2 / 3)
      limits.maxNumTokens = min(
        limits.maxNumTokens,
        system.chunkedPrefill ? max(limits.maxBatchSize, widest / 2) : widest + limits.maxBatchSize)
    }
    return limits
  }
}
