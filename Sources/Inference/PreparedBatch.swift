import Scheduling
import Transformers

/// A plan with everything that can be known before the clock starts: positions, attention rows and
/// prompt tokens of each micro-batch of each step.
public struct PreparedBatch {
  struct Micro {
    let rows: [PlanRow]
    let input: MicroBatchInput
    /// Token per slot that is scored, nil at slots without one; empty but in a score pass.
    var targets: [Int32?] = []
    /// Tokens that are scored.
    var targetCount = 0
  }

  public let plan: BatchPlan
  /// Token ids per sequence.
  public let prompts: [[Int32]]
  let steps: [(phase: Phase, micro: [Micro])]
  /// Steps of the longest replica's plan.
  var mostSteps: Int
  /// Largest number of sampled slots in one micro-batch.
  let mostSamples: Int
  /// Sequences of which every prompt position's logits are wanted.
  let scored: Set<Int>

  /// - Parameters:
  ///   - scored: sequences of which every prompt position's logits are wanted.
  ///   - tokenTypes: per sequence and token, for encoders; empty when all are 0.
  public init(
    plan: BatchPlan, prompts: [[Int32]], scored: Set<Int> = [], tokenTypes: [[Int32]] = [],
    reads: AnswerPlace = .last
  ) {
    precondition(
      prompts.map(\.count) == plan.promptLengths, "prompts and plan disagree about lengths")
    self.plan = plan
    self.scored = scored
    self.prompts = prompts
    mostSteps = plan.steps.count
    steps = plan.steps.map { step in
      (
        step.phase,
        step.microBatches.map { micro in
          var prepared = Micro(
            rows: micro.rows,
            input: MicroBatchInput(
              micro, regions: plan.regions, scored: step.phase == .prefill ? scored : [],
              tokenTypes: tokenTypes, reads: reads))
          if step.phase == .score {
            prepared.targets = micro.rows.flatMap { $0.scoreTargets(prompt: prompts[$0.sequence]) }
            prepared.targetCount = prepared.targets.count { $0 != nil }
          }
          return prepared
        }
      )
    }
    mostSamples = steps.flatMap(\.micro).map(\.input.sampledSlots.count).max() ?? 0
  }

  /// Whether each slot of some rows carries a token.
  static func realSlots(_ rows: [PlanRow]) -> [Bool] {
    rows.flatMap { row in (0..<row.slots).map(row.real.contains) }
  }
}

/// What one execution of a batch gave on one rank.
package struct BatchOutcome {
  /// Generated tokens per sequence; complete on the first stage only.
  package var tokens: [[Int32]]
  /// Negative log-likelihood per scored token, by sequence; complete on the first stage only.
  var losses: [[Double]] = []
  /// Largest logit in magnitude that the last stage saw while scoring.
  var largestLogit: Float = 0
  /// Nanoseconds of the context's clock: the start, the end of this rank's part of the prefill, and
  /// of its last step.
  package var start: UInt64
  package var prefillEnd: UInt64
  package var end: UInt64
  /// Nanoseconds by the wall clock, whatever the context's clock is: from the start to the end of
  /// the prefill, and to the end of the last step.
  var elapsedPrefill: UInt64 = 0
  var elapsed: UInt64 = 0
  /// Waits for activations (from, to) and starts of sends, in order, for telling transfer from
  /// idleness.
  var receiveWaits: [(phase: UInt8, from: UInt64, to: UInt64)] = []
  var sendStarts: [UInt64] = []
}

/// Logits kept during a run, for comparison. Filled on the root of the last stage.
package final class LogitCapture {
  /// Per sequence, one row of vocabulary size per sampled slot, in order.
  private(set) var rows: [[[Float]]]

  package init(sequences: Int) { rows = Array(repeating: [], count: sequences) }

  func add(_ row: [Float], sequence: Int) { rows[sequence].append(row) }
}
