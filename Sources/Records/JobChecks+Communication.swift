import Models

extension JobChecks {
  /// An encoder runs the standard dialect only; sums of a device are made in one piece.
  func validateCommunication(_ model: ModelConfiguration) throws(RecordError) {
    if job.reductionChunks != nil, job.backend.kind == .cuda {
      try at("reduction-chunks") {
        throw RecordError("backend.kind cuda sums in one piece; leave it out")
      }
    }
    guard model.isEncoder else { return }
    try at("dialect") { try refuse(job.dialect, unless: .megatron, model) }
    try at("tensor-reduction") { try refuse(job.tensorReduction, unless: .allReduce, model) }
  }

  private func refuse<Choice: RawRepresentable & Equatable>(
    _ found: Choice, unless allowed: Choice, _ model: ModelConfiguration
  ) throws(RecordError) where Choice.RawValue == String {
    guard found != allowed else { return }
    throw RecordError(
      "\(found.rawValue) runs decoders only and \(model.name) is an encoder; take "
        + allowed.rawValue)
  }

  /// Each tensor rank passes an equal part of every state to the next stage.
  func validateSlices(
    _ layout: ParallelLayout, for model: ModelConfiguration
  ) throws(RecordError) {
    guard job.dialect == .vllmV0, layout.pipeline > 1, model.hiddenSize % layout.tensor != 0
    else { return }
    throw RecordError(
      "\(layout): dialect \(job.dialect.rawValue) passes 1/\(layout.tensor) of each state of "
        + "\(model.hiddenSize) numbers between stages, which is not whole; take a tensor-parallel "
        + "degree that divides it, or dialect \(Dialect.megatron.rawValue)")
  }
}
