import Inference
import Kernels
import MPI
import Models
import Scheduling

/// Each folder under every layout of one replica, on ranks of two threads: three policies with one and
/// two micro-batches; the first folder with two under all, and under every dialect and reduction.
func checkGolden(
  _ folders: [String], _ world: borrowing Communicator, _ checks: Checks
) throws {
  let backend = try CPUBackend(threads: 2)
  for layout in try EngineChecks.layouts(ranks: world.size) where layout.data == 1 {
    // Four divides the hidden size of every golden model.
    for variant in EngineChecks.variants(layout, hiddenSize: 4) {
      let context = try variant.context(layout, world)
      for (index, folder) in folders.enumerated() where index == 0 || variant.isStandard {
        try checkGolden(folder, isFirst: index == 0, variant, context, backend, checks)
      }
    }
  }
}

private func checkGolden(
  _ folder: String, isFirst: Bool, _ variant: EngineVariant, _ context: RankContext,
  _ backend: any Backend, _ checks: Checks
) throws {
  let golden = try GoldenVerification(context: context, directory: folder, expected: nil)
  for (choice, policy) in EngineChecks.policies.enumerated() where choice < 3 || isFirst {
    for microBatches in choice < 3 ? 1...2 : 2...2 {
      let report = try golden.run(policy: policy, microBatches: microBatches, backend: backend)
      guard let report else { continue }
      let name = folder.split(separator: "/").last ?? ""
      checks.expect(
        "\(name) \(context.layout) \(variant) \(policy) micro-batches \(microBatches)",
        report.passed && report.maxFullError != nil && report.tokensCompared > 30, "\(report)")
    }
  }
}
