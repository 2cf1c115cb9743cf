import Inference
import Kernels
import MPI
import Models
import Scheduling

/// Each folder under every layout of one replica: three policies with one and two micro-batches; the
/// first folder with two under all.
func checkGolden(
  _ folders: [String], _ world: borrowing Communicator, _ checks: Checks
) throws {
  let backend = try CPUBackend(threads: 1)
  for layout in try EngineChecks.layouts(ranks: world.size) where layout.data == 1 {
    let context = try RankContext(layout: layout, world: world)
    for (index, folder) in folders.enumerated() {
      let golden = try GoldenVerification(context: context, directory: folder, expected: nil)
      for (choice, policy) in EngineChecks.policies.enumerated() where choice < 3 || index == 0 {
        for microBatches in choice < 3 ? 1...2 : 2...2 {
          let report = try golden.run(
            policy: policy, microBatches: microBatches, backend: backend)
          guard let report else { continue }
          let name = folder.split(separator: "/").last ?? ""
          checks.expect(
            "\(name) \(layout) \(policy) micro-batches \(microBatches)",
            report.passed && report.maxFullError != nil && report.tokensCompared > 30, "\(report)")
        }
      }
    }
  }
}
