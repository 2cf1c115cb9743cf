import Models

extension JobFile {
  /// How ranks pass states on and sum up, and in how many chunks; nil for one.
  static func communication(
    _ job: inout JobNode
  ) throws(RecordError) -> (Dialect, TensorReduction, chunks: Int?) {
    let dialect = try job.choice("dialect", Dialect.self) ?? .megatron
    let reduction = try job.choice("tensor-reduction", TensorReduction.self) ?? .allReduce
    guard dialect == .megatron || reduction == .allReduce else {
      throw job.error(
        "tensor-reduction",
        "dialect \(dialect.rawValue) passes whole sums on; take \(TensorReduction.allReduce.rawValue), "
          + "or dialect \(Dialect.megatron.rawValue)")
    }
    let key = "reduction-chunks"
    let chunks = try job.integer(key, in: ReductionChunks.choices) ?? 1
    guard chunks > 1 else { return (dialect, reduction, nil) }
    guard reduction == .allReduce else {
      throw job.error(
        key,
        "tensor-reduction \(reduction.rawValue) sums in one piece; leave it out, or take "
          + TensorReduction.allReduce.rawValue)
    }
    guard dialect == .megatron else {
      throw job.error(
        key,
        "dialect \(dialect.rawValue) sums in one piece, as the engine that it follows; leave it out, "
          + "or take dialect \(Dialect.megatron.rawValue)")
    }
    return (dialect, reduction, chunks)
  }
}
