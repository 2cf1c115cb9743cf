import Kernels
import Models
import Records
import Transformers

/// What a cell computes with, made and checked before a file is written or a weight is read.
public struct CellResources {
  let backend: any Backend
  /// Weights for the job's model, or for one with fewer layers.
  let weights: (ModelConfiguration) -> any WeightSource
  /// The model that the traffic's prediction is made for: the job's, but in tests.
  package var predicted: (ModelConfiguration) -> ModelConfiguration = { $0 }

  /// Loads the backend, opens the checkpoint and compares the host's memory with what its ranks
  /// need. Collective.
  /// - Throws: `InferenceError` of kind `badInput` on all ranks when one of these cannot be had.
  public init(context: RankContext, resolved: ResolvedJob) throws {
    backend = try context.makeBackend(resolved.job.backend, resolved.job.numbers)
    if let clock = context.clock, backend.deviceNanoseconds != nil {
      clock.timeComputing { [backend] in backend.deviceNanoseconds ?? 0 }
    }
    let choice = try context.together("weights") { try WeightChoice(resolved) }
    weights = { choice.weights(for: $0) }
    let memory = MemoryCheck(resolved: resolved, layout: context.layout, rank: context.rank)
    if let free = backend.freeMemory {
      try memory.checkDevice(free: free / context.sharers(of: backend), context)
    } else {
      let need = try memory.survey(context)
      try context.together("memory") { try memory.check(need, context.layout) }
    }
  }

  /// Takes them as they are.
  package init(
    backend: any Backend, weights: @escaping (ModelConfiguration) -> any WeightSource
  ) {
    self.backend = backend
    self.weights = weights
  }
}
