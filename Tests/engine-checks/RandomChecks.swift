import Inference
import Kernels
import MPI
import Models
import Scheduling
import Transformers

/// A random case made ready under one layout.
struct CaseRun {
  let context: RankContext
  let input: RandomCase
  let verification: Verification

  init(
    context: RankContext, input: RandomCase, weights: any WeightSource, backend: any Backend
  ) throws {
    self.context = context
    self.input = input
    let longest = (input.prompts.map(\.count).max() ?? 1) + (input.outputs.max() ?? 1)
    let shard = try TransformerShard(
      plan: ShardPlan(model: input.model, layout: context.layout, rank: context.rank),
      source: weights, backend: backend, group: context.tensor, positions: longest)
    verification = Verification(
      runner: BatchRunner(
        context: context, executor: BatchExecutor(context: context, shard: shard)),
      microBatches: input.microBatches, graphs: input.graphs)
  }

  /// Collective; nil off the coordinator.
  func compare(_ policy: Policy, _ reference: ReferenceAnswers?) throws -> Comparison? {
    try verification.compare(
      policy: policy, prompts: input.prompts, outputLengths: input.outputs, reference: reference
    )?.comparison
  }
}

extension RandomCase {
  var weights: RandomWeights { RandomWeights(seed: seed, layers: model.layerCount) }

  /// Answers of plain loops on the whole model, sequence by sequence.
  func reference() throws -> ReferenceAnswers {
    try ReferenceAnswers.compute(
      model: model, source: weights, backend: ReferenceBackend(), prompts: prompts,
      outputTokens: outputs)
  }
}

/// Random models and batches under every layout of the launch, every dialect and reduction, every
/// policy; the standard ones on both backends.
func checkRandom(
  seed: UInt64, count: Int, _ world: borrowing Communicator, _ checks: Checks
) throws {
  let backends: [any Backend] = [try CPUBackend(threads: 1), ReferenceBackend()]
  var worst = 0.0
  for number in 0..<count {
    let input = try RandomCase(seed: seed + UInt64(number), ranks: world.size)
    checks.note(input.description)
    let reference = world.rank == 0 ? try input.reference() : nil
    for layout in try EngineChecks.layouts(ranks: world.size)
    where (try? layout.validate(for: input.model)) != nil {
      for variant in EngineChecks.variants(layout, hiddenSize: input.model.hiddenSize) {
        let context = try variant.context(layout, world)
        for backend in variant.isStandard ? backends : [backends[0]] {
          let run = try CaseRun(
            context: context, input: input, weights: input.weights, backend: backend)
          for policy in EngineChecks.policies {
            guard let found = try run.compare(policy, reference), let reference else { continue }
            worst = max(worst, found.maxError / reference.tolerance)
            checks.expect(
              "\(layout) \(variant) \(policy) \(backend.provenance.name) seed \(input.seed)",
              found.passed && found.ties == 0
                && found.tokensCompared == input.outputs.reduce(0, +),
              "\(found) of \(input.description)")
          }
        }
      }
    }
  }
  checks.note("largest error is \(worst) of the bound")
}

/// A fault in one rank's share of one tensor must not pass: the bound is not so wide that anything
/// goes through.
func checkSensitivity(_ world: borrowing Communicator, _ checks: Checks) throws {
  let backend = try CPUBackend(threads: 1)
  let layouts = try EngineChecks.layouts(ranks: world.size).filter { $0.data == 1 }
  var least = Double.infinity
  // Some family with biases and one with q/k norms.
  for family in [ModelConfiguration.Family.qwen2, .qwen3] {
    let input = try firstCase(of: family, ranks: world.size)
    let reference = world.rank == 0 ? try input.reference() : nil
    for layout in layouts {
      let context = try RankContext(layout: layout, world: world)
      for fault in Fault.all(input.model) {
        let weights = FaultyWeights(
          input.weights, fault: fault, isFaulty: context.rank == world.size - 1)
        let run = try CaseRun(
          context: context, input: input, weights: weights, backend: backend)
        let found = try run.compare(.packed, reference)
        // The last rank does not hold every tensor; what it never read cannot be wrong.
        let touched = try world.allGather([Int32(weights.touched)]).contains { $0 > 0 }
        guard let found, let reference, touched else { continue }
        least = min(least, found.maxError / reference.tolerance)
        checks.expect(
          "\(input.model.family) \(layout) sees \(fault)", !found.passed,
          "error \(found.maxError) passes under a bound of \(reference.tolerance)")
      }
    }
  }
  checks.note("the faintest fault gives \(least) of the bound")
}

func firstCase(
  of family: ModelConfiguration.Family, ranks: Int
) throws -> RandomCase {
  var seed: UInt64 = 1
  while true {
    let input = try RandomCase(seed: seed, ranks: ranks)
    if input.model.family == family && !input.model.tiedEmbeddings { return input }
    seed += 1
  }
}
