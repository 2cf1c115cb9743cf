import MPI
import Models
import Records
import Scheduling
import Transformers

/// Runs batches on all ranks of a layout: the coordinator plans and broadcasts, every replica runs
/// its share, times and tokens come back.
package final class BatchRunner {
  /// One execution, as every rank knows it; tokens are on the coordinator only.
  package struct Result {
    /// Longest over replicas.
    var batchTTFTSeconds: Double
    var totalSeconds: Double
    /// The same by the wall clock, whatever clock timed the run.
    var elapsedTTFTSeconds: Double
    var elapsedSeconds: Double
    /// Joules of all ranks' devices; nil where one is not counted.
    var joules: Double?
    /// Generated tokens per sequence of the whole batch.
    var tokens: [[Int32]]
    /// Negative log-likelihood per scored token of every sequence, of a score pass.
    var losses: [[Double]]
    var prefill: PhaseAccount
    var decode: PhaseAccount
    /// When this rank began, CLOCK_MONOTONIC nanoseconds.
    var start: UInt64
  }

  let context: RankContext
  package let executor: BatchExecutor

  package init(context: RankContext, executor: BatchExecutor) {
    self.context = context
    self.executor = executor
  }

  /// Sequences of a batch that replica `replica` runs.
  static func share(of sequences: Int, replica: Int, layout: ParallelLayout) -> Range<Int> {
    ShardPlan.split(sequences, into: layout.data, part: replica)
  }

  /// Throws when a batch of so many requests leaves a replica without work.
  static func check(requests: Int, layout: ParallelLayout) throws(InferenceError) {
    guard requests >= layout.data else {
      throw InferenceError(
        .badInput,
        "a batch of \(requests) requests cannot be spread over \(layout.data) replicas "
          + "(\(layout)); use larger batches or fewer replicas")
    }
  }

  /// The plans of one batch, replica by replica.
  package static func plans(
    policy: Policy, promptLengths: [Int], outputLengths: [Int], microBatches: Int,
    padding: MicroBatchPadding = .global, graphs: GraphSizes? = nil, layout: ParallelLayout,
    mode: JobMode = .generate
  ) throws -> [BatchPlan] {
    try check(requests: promptLengths.count, layout: layout)
    return try (0..<layout.data).map { replica in
      let part = share(of: promptLengths.count, replica: replica, layout: layout)
      return try BatchPlan(
        mode, policy, promptLengths: Array(promptLengths[part]),
        outputLengths: Array(outputLengths[part]), microBatches: microBatches, padding: padding,
        graphs: graphs)
    }
  }

  /// Gives every rank its replica's plan and prompts. Collective; `plans` and `prompts` are the
  /// coordinator's, others pass none.
  package func distribute(
    plans: [BatchPlan], prompts: [[Int32]], scored: Set<Int> = [], tokenTypes: [[Int32]] = []
  ) throws -> PreparedBatch {
    precondition(scored.isEmpty || context.layout.data == 1, "scoring runs on one replica")
    // One message for all replicas: the most steps; per replica the length of each part; the parts.
    let replicas = context.layout.data
    var message: [Int32] = []
    if context.isCoordinator {
      var parts: [[Int32]] = []
      for replica in 0..<replicas {
        let share = Self.share(of: prompts.count, replica: replica, layout: context.layout)
        let lengths = plans[replica].promptLengths
        parts.append(plans[replica].encoded())
        parts.append(zip(prompts[share], lengths).flatMap { $0.prefix($1) })
        parts.append(
          tokenTypes.isEmpty ? [] : zip(tokenTypes[share], lengths).flatMap { $0.prefix($1) })
      }
      message = [Int32(plans.map(\.steps.count).max() ?? 0)] + parts.map { Int32($0.count) }
      message += parts.flatMap { $0 }
    }
    message = try context.control.broadcastArray(message, root: 0)
    let counts = message[1..<1 + 3 * replicas].map { Int($0) }
    let mine = 3 * context.coordinates.replica
    var first = 1 + 3 * replicas + counts[..<mine].reduce(0, +)
    let own = counts[mine..<mine + 3].map { count in
      defer { first += count }
      return Array(message[first..<first + count])
    }
    let plan = try BatchPlan(decoding: own[0])
    var prepared = PreparedBatch(
      plan: plan, prompts: Self.split(own[1], plan.promptLengths), scored: scored,
      tokenTypes: own[2].isEmpty ? [] : Self.split(own[2], plan.promptLengths),
      reads: executor.reads)
    prepared.mostSteps = Int(message[0])
    return prepared
  }

  /// Over all ranks; nil where one has none. Collective.
  private func sum(_ joules: Double?) throws -> Double? {
    var sums = [joules ?? 0, joules == nil ? 1 : 0]
    try context.control.allReduce(inPlace: &sums, .sum)
    return sums[1] == 0 ? sums[0] : nil
  }

  private static func split(_ values: [Int32], _ lengths: [Int]) -> [[Int32]] {
    var first = 0
    return lengths.map { length in
      defer { first += length }
      return Array(values[first..<first + length])
    }
  }

  /// Runs a prepared batch once. Collective.
  @discardableResult
  package func run(_ batch: PreparedBatch, capture: LogitCapture? = nil) throws -> Result {
    let activity = context.activity
    activity.awaitOthers(steps: batch.mostSteps)
    let backend = executor.shard.backend
    let joules = backend.energyJoules
    context.ledger.clear()
    try context.control.barrier()
    context.ledger.clear()
    let start = MonotonicClock.nanoseconds()
    let outcome = try executor.run(batch, capture: capture)
    let taken = joules.flatMap { before in backend.energyJoules.map { $0 - before } }
    if activity.isMeasuring { activity.enter("gather") }
    activity.awaitOthers(steps: batch.mostSteps)
    let accounts = try PhaseAccounting(context: context).accounts(outcome)
    context.ledger.isRecording = false
    defer { context.ledger.isRecording = true }
    var times = [0.0, 0.0, 0.0, 0.0]
    if context.leadsReplica {
      times = [
        outcome.prefillEnd - outcome.start, outcome.end - outcome.start, outcome.elapsedPrefill,
        outcome.elapsed,
      ].map { Double($0) / 1e9 }
    }
    try context.control.allReduce(inPlace: &times, .max)
    let energy = try backend.deviceNanoseconds == nil ? nil : sum(taken)
    let tokens = try collect(outcome.tokens)
    let losses = batch.plan.isScore ? try collect(outcome.losses) : []
    activity.endBatch(from: start)
    activity.awaitOthers(steps: 0)
    return Result(
      batchTTFTSeconds: times[0], totalSeconds: times[1], elapsedTTFTSeconds: times[2],
      elapsedSeconds: times[3], joules: energy, tokens: tokens,
      losses: losses, prefill: accounts.prefill, decode: accounts.decode,
      start: outcome.start)
  }

  /// All sequences' tokens or losses on the coordinator, in the batch's order.
  private func collect<Value: MPIElement>(_ tokens: [[Value]]) throws -> [[Value]] {
    let leads = context.leadsReplica
    let values = try context.control.gatherArrays(leads ? tokens.flatMap { $0 } : [], root: 0)
    let counts = try context.control.gatherArrays(
      leads ? tokens.map { Int32($0.count) } : [], root: 0)
    guard let values, let counts else { return [] }
    var out: [[Value]] = []
    for (flat, counts) in zip(values, counts) {
      var first = 0
      for count in counts {
        out.append(Array(flat[first..<first + Int(count)]))
        first += Int(count)
      }
    }
    return out
  }
}

extension RankContext {
  /// Captured logits of all sequences on the coordinator, in the batch's order. Collective.
  package func collect(_ capture: LogitCapture) throws -> [[[Float]]] {
    ledger.isRecording = false
    defer { ledger.isRecording = true }
    let holds = isLastStage && coordinates.tensor == 0
    let rows = holds ? capture.rows : []
    let shape = rows.map { Int32($0.count) }
    let width = rows.lazy.flatMap { $0 }.map(\.count).max() ?? 0
    let shapes = try control.gatherArrays(shape + [Int32(width)], root: 0)
    let values = try control.gatherArrays(rows.flatMap { $0.flatMap { $0 } }, root: 0)
    guard let shapes, let values else { return [] }
    var out: [[[Float]]] = []
    for (shape, flat) in zip(shapes, values) where shape.count > 1 {
      let width = Int(shape[shape.count - 1])
      var first = 0
      for count in shape.dropLast() {
        out.append(
          (0..<Int(count)).map { _ in
            defer { first += width }
            return Array(flat[first..<first + width])
          })
      }
    }
    return out
  }
}
