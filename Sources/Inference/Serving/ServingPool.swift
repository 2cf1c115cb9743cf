import Kernels
import Locality
import MPI
import Models
import Records
import Scheduling
import Transformers

/// How many KV blocks the ranks of a layout have room for.
struct ServingPool {
  let blockCount: Int
  let warnings: [String]

  /// Weights and scratch memory must be there. A rank's share of what is free on its host, or on its
  /// GPU, counts; the rank with the fewest blocks decides. Collective.
  /// - Throws: `InferenceError` of kind `badInput` on all ranks when the pool has no block for each
  ///   running sequence, or not one for the rank.
  init(
    _ choice: ServingChoice, context: RankContext, plan: ShardPlan, backend: any Backend
  ) throws {
    context.ledger.isRecording = false
    defer { context.ledger.isRecording = true }
    // All of a host's ranks look before one of them takes anything.
    let sharers = try context.sharers(of: backend)
    let free = try context.together("memory") {
      try (backend.freeMemory ?? AvailableMemory.current().usable) / sharers
    }
    let size = try context.together("KV pool") {
      try choice.poolSize(
        freeBytes: free,
        bytesPerToken: plan.kvBytesPerToken(elementBytes: backend.cacheFormat.byteCount))
    }
    var least = [Int64(size.blockCount)]
    try context.control.allReduce(inPlace: &least, .min)
    blockCount = Int(least[0])
    warnings = size.warnings
    let count = blockCount
    try context.together("KV pool") {
      for system in choice.systems {
        do {
          _ = try choice.limits(system, blockCount: count, stages: context.layout.pipeline)
        } catch {
          throw InferenceError(
            .badInput,
            "system \(system): \(error); the rank with the least memory has \(free) bytes free")
        }
      }
    }
  }
}
