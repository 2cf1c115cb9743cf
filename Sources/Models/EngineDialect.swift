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

/// Chunks of rows in which the row-parallel products of a layer are computed and summed, so that one
/// chunk's sum goes on while the next is computed.
public enum ReductionChunks {
  /// What may be asked for.
  public static let choices = 1...64
  /// No product is cut into chunks of fewer rows.
  public static let fewestRows = 64

  /// The chunks of `rows` rows: at most `most`, as equal as can be; one where rows are few.
  public static func ranges(of rows: Int, most: Int) -> [Range<Int>] {
    let count = min(most, max(1, rows / fewestRows))
    return (0..<count).map { ShardPlan.split(rows, into: count, part: $0) }
  }
}
