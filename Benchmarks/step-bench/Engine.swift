import Inference
import Kernels
import MPI
import Models
import Scheduling
import Tensors
import Transformers

/// padtax's engine under tensor parallelism over the ranks of the launch.
final class Engine {
  let model: ModelConfiguration
  let ranks: Ranks
  let backend: CPUBackend
  let shard: TransformerShard
  private let executor: BatchExecutor
  private let group: TensorGroup
  /// What this rank's communicators note.
  let ledger: TrafficLedger

  /// Prompts and outputs stay below this many tokens.
  private static let positions = 1024
  static let seed: UInt64 = 7

  /// All ranks together, each with its part of the model; or with `alone` the whole on each rank
  /// that asks. Weights are random where there is no source of others.
  init(
    model: ModelConfiguration, ranks: Ranks, backend: CPUBackend? = nil, alone: Bool = false,
    source: (any WeightSource)? = nil
  ) throws {
    self.model = model
    self.ranks = ranks
    let backend = try backend ?? ranks.precision.backend(blas: ranks.blas, threads: ranks.threads)
    self.backend = backend
    let layout = try ParallelLayout(tensor: alone ? 1 : ranks.count)
    let context = try RankContext(
      layout: layout, world: alone ? ranks.own.duplicate() : ranks.world.duplicate(),
      messages: backend.weightFormat)
    ledger = context.ledger
    group = context.tensor
    shard = try TransformerShard(
      plan: ShardPlan(model: model, layout: layout, rank: context.rank),
      source: source ?? RandomWeights(seed: Self.seed, layers: model.layerCount), backend: backend,
      group: context.tensor, positions: Self.positions)
    executor = BatchExecutor(context: context, shard: shard)
  }

  /// Chunks at most in which products are summed.
  var reductionChunks: Int {
    get { group.reductionChunks }
    set { group.reductionChunks = newValue }
  }

  /// A batch of prompts whose tokens are anything in the vocabulary, with room for it to run.
  func batch(_ policy: Policy, lengths: [Int], outputs: Int) throws -> PreparedBatch {
    let plan = try BatchPlan(
      policy: policy, promptLengths: lengths,
      outputLengths: lengths.map { _ in outputs }, microBatches: 1)
    return try prepare(plan)
  }

  /// Decode steps alone: the first one feeds the last prompt token, and the keys and values of
  /// `context` tokens before it are whatever the cache holds.
  func decodeBatch(sequences: Int, context: Int, steps: Int) throws -> PreparedBatch {
    let whole = try BatchPlan(
      policy: .packed, promptLengths: Array(repeating: context, count: sequences),
      outputLengths: Array(repeating: steps + 1, count: sequences), microBatches: 1)
    return try prepare(
      BatchPlan(
        policy: .packed, promptLengths: whole.promptLengths.map { $0 + 1 },
        outputLengths: whole.outputLengths.map { $0 - 1 }, regions: whole.regions,
        steps: Array(whole.steps.dropFirst())))
  }

  private func prepare(_ plan: BatchPlan) throws -> PreparedBatch {
    let prompts = plan.promptLengths.enumerated().map { sequence, length in
      (0..<length).map { Int32((sequence * 7919 + $0 * 104_729) % model.vocabularySize) }
    }
    let batch = PreparedBatch(plan: plan, prompts: prompts)
    try executor.prepare(for: [batch])
    return batch
  }

  /// Seconds of this rank's prefill and of its decode steps together.
  func run(_ batch: PreparedBatch) throws -> (prefill: Double, decode: Double) {
    ledger.clear()
    let outcome = try executor.run(batch)
    return (
      Double(outcome.prefillEnd - outcome.start) * 1e-9,
      Double(outcome.end - outcome.prefillEnd) * 1e-9
    )
  }

  /// GEMM FLOPs of this rank's prefill: projections, and the LM head on each row's last slot.
  func matrixFLOPs(_ batch: PreparedBatch) -> Double {
    let budget = batch.plan.slotBudget(.prefill)
    return FLOPCount(shard.plan).total(
      slots: budget.slots, pairs: 0, headRows: batch.plan.promptLengths.count)
  }
}

extension Communicator {
  fileprivate func duplicate() throws(MPIError) -> Communicator { try duplicate(label: label) }
}
