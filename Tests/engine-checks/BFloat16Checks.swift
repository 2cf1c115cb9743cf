import Inference
import Kernels
import MPI
import Models
import Scheduling
import Tensors
import Transformers

/// Random models and batches in bfloat16 under every layout of the launch, dialect and reduction,
/// against plain loops in bfloat16 on the whole model; messages rounded and not.
func checkBFloat16(
  seed: UInt64, count: Int, _ world: borrowing Communicator, _ checks: Checks
) throws {
  let backends: [any Backend] = [
    try CPUBackend(weights: .bfloat16, cache: .bfloat16),
    ReferenceBackend(weights: .bfloat16, cache: .bfloat16),
  ]
  var worst = 0.0
  for number in 0..<count {
    let input = try RandomCase(seed: seed + UInt64(number), ranks: world.size)
    checks.note(input.description)
    let reference = world.rank == 0 ? try input.roundedReference() : nil
    for layout in try EngineChecks.layouts(ranks: world.size)
    where (try? layout.validate(for: input.model)) != nil {
      for variant in EngineChecks.variants(layout, hiddenSize: input.model.hiddenSize) {
        for messages in [StorageFormat.bfloat16, .float32] {
          let context = try RankContext(
            layout: layout, world: world, dialect: variant.dialect, reduction: variant.reduction,
            messages: messages)
          for backend in variant.isStandard ? backends : [backends[0]] {
            let run = try CaseRun(
              context: context, input: input, weights: input.weights, backend: backend)
            for policy in [Policy.rightPad, .leftPad, .packed] {
              guard let found = try run.compare(policy, reference), let reference else { continue }
              worst = max(worst, found.maxError / reference.tolerance)
              checks.expect(
                "\(layout) \(variant) \(messages.rawValue) messages \(policy) "
                  + "\(backend.provenance.name) seed \(input.seed)", found.passed,
                "\(found) of \(input.description)")
            }
          }
        }
      }
    }
  }
  checks.note("largest error is \(worst) of the bound")
}

extension RandomCase {
  /// Answers of plain loops in bfloat16 on the whole model, sequence by sequence.
  func roundedReference() throws -> ReferenceAnswers {
    try ReferenceAnswers.compute(
      model: model, source: weights,
      backend: ReferenceBackend(weights: .bfloat16, cache: .bfloat16), messages: .bfloat16,
      prompts: prompts, outputTokens: outputs)
  }
}

/// Grave faults in one rank's weights must be seen in bfloat16, too; what it takes is printed.
func checkBFloat16Sensitivity(_ world: borrowing Communicator, _ checks: Checks) throws {
  let backend = try CPUBackend(weights: .bfloat16, cache: .bfloat16)
  for family in [ModelConfiguration.Family.qwen2, .qwen3] {
    let input = try firstCase(of: family, ranks: world.size)
    let reference = world.rank == 0 ? try input.roundedReference() : nil
    let layout = try ParallelLayout(tensor: world.size)
    guard (try? layout.validate(for: input.model)) != nil else { continue }
    let context = try RankContext(layout: layout, world: world, messages: .bfloat16)
    for fault in Fault.all(input.model) {
      let weights = FaultyWeights(
        input.weights, fault: fault, isFaulty: context.rank == world.size - 1)
      let run = try CaseRun(context: context, input: input, weights: weights, backend: backend)
      guard let found = try run.compare(.packed, reference), let reference else { continue }
      checks.note(
        "\(input.model.family) \(layout) \(fault): \(found.maxError / reference.tolerance) of the bound"
          + (found.passed ? "" : ", seen"))
    }
  }
}
