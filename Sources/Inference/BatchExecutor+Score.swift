import MPI
import Scheduling
import Tensors
import Transformers

extension BatchExecutor {
  private static let lossTag = 4

  /// Scores the slots of a micro-batch on the last stage, some rows at a time, and tells the first
  /// stage.
  /// - Precondition: the model is a decoder; jobs that would score an encoder are refused.
  func score(_ hidden: Matrix, _ micro: PreparedBatch.Micro) throws {
    guard let shard = shard as? TransformerShard else {
      preconditionFailure("an encoder predicts no next token to score")
    }
    let real = PreparedBatch.realSlots(micro.rows)
    let states = try shard.scoredStates(hidden, input: micro.input)
    var found: [Double] = []
    found.reserveCapacity(micro.targetCount)
    var first = 0
    while first < states.rows {
      let block = first..<min(first + TransformerShard.scoreRows, states.rows)
      context.ledger.context.units = Int32(block.count)
      context.ledger.context.usefulUnits = Int32(real[block].count { $0 })
      let part = try shard.losses(states.rows(block), targets: micro.targets[block])
      found += part.values
      losses.largestLogit = max(losses.largestLogit, part.largestLogit)
      first = block.upperBound
    }
    guard !context.isFirstStage else { return losses.take(found, for: micro) }
    guard !found.isEmpty else { return }
    setUseful(found.count)
    try sendBack(found, tag: Self.lossTag)
  }

  /// Waits, on the first stage, for every loss that the last stage has not told yet.
  func receiveLosses() throws {
    while let micro = losses.nextExpected() {
      setUseful(micro.targetCount)
      var found = [Double](repeating: 0, count: micro.targetCount)
      try context.pipeline.receive(
        into: &found, from: context.layout.pipeline - 1, tag: Self.lossTag)
      losses.take(found, for: micro)
    }
  }
}

/// Losses of a batch as the first stage knows them, and the micro-batches whose losses are still on
/// their way back.
struct LossBook {
  /// Nats per scored token, by sequence.
  private(set) var values: [[Double]] = []
  /// Largest logit in magnitude that this rank has seen.
  var largestLogit: Float = 0
  private var expected: [PreparedBatch.Micro] = []
  private var received = 0

  init() {}

  init(_ batch: PreparedBatch) {
    guard batch.plan.isScore else { return }
    values = batch.prompts.map { prompt in
      var losses: [Double] = []
      losses.reserveCapacity(prompt.count)
      return losses
    }
  }

  /// Notes that a micro-batch's losses will come, in this order.
  mutating func expect(_ micro: PreparedBatch.Micro) {
    if micro.targetCount > 0 { expected.append(micro) }
  }

  mutating func nextExpected() -> PreparedBatch.Micro? {
    guard received < expected.count else { return nil }
    defer { received += 1 }
    return expected[received]
  }

  /// Takes one loss per target, row by row.
  mutating func take(_ losses: [Double], for micro: PreparedBatch.Micro) {
    var slot = 0
    var next = 0
    for row in micro.rows {
      let count = micro.targets[slot..<slot + row.slots].count { $0 != nil }
      values[row.sequence] += losses[next..<next + count]
      slot += row.slots
      next += count
    }
  }
}
