/// Which engine's habit of communicating is followed.
public enum Dialect: String, Sendable, Hashable, Codable, CaseIterable {
  /// One activation tensor between stages, whole on every tensor rank.
  case megatron
  /// Hidden state and residual as two tensors between stages; with tensor parallelism each rank
  /// sends its slice of columns, gathered on arrival.
  case vllmV0 = "vllm-v0"
}

/// How the tensor ranks of a stage make one result of their partial sums.
public enum TensorReduction: String, Sendable, Hashable, Codable, CaseIterable {
  /// Every rank gets the whole sum.
  case allReduce = "all-reduce"
  /// Every rank gets its slots of the sum, norms them and gathers before the next product
  /// (Megatron's sequence parallelism, arXiv 2205.05198).
  case reduceScatter = "reduce-scatter"
}
