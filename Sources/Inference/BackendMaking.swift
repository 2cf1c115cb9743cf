import GPUKernels
import Kernels
import Records
import Tensors

/// The backend that a job names.
///
/// - Parameter device: number of a GPU; the launcher's local rank chooses when nil.
public func makeBackend(
  _ choice: BackendChoice, _ numbers: NumberFormats = .single, device: Int? = nil
) throws -> any Backend {
  switch choice.kind {
  case .reference:
    return ReferenceBackend(weights: numbers.weights.storage, cache: numbers.cache.storage)
  case .cuda:
    return try GPUBackend(
      device: device, weights: numbers.weights.storage, cache: numbers.cache.storage,
      graphs: choice.graphs?.sizes ?? [])
  case .cpu:
    return try CPUBackend(
      blas: choice.blas == "openblas" ? .openBLAS : .path(choice.blas), threads: choice.threads,
      weights: numbers.weights.storage, cache: numbers.cache.storage)
  }
}

extension EngineFormat {
  /// The same of memory.
  package var storage: StorageFormat { self == .fp32 ? .float32 : .bfloat16 }
}
