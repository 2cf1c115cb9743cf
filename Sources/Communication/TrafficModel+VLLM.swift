import Models

extension TrafficModel {
  /// What vLLM 0.8.5 (V0 engine, eager) sends, with its own facts where padtax's engine in the same
  /// dialect has others: stages cut by its rule, the vocabulary rounded up to a multiple of 64
  /// (`DEFAULT_VOCAB_PADDING_SIZE` in its vocab_parallel_embedding.py).
  /// - Throws: `CommunicationError` when the model cannot be divided so.
  public static func vllm(
    model: ModelConfiguration, layout: ParallelLayout, activations: ElementFormat = .bfloat16
  ) throws(CommunicationError) -> TrafficModel {
    do {
      return try TrafficModel(
        model: model, layout: layout, dialect: .vllmV0, activations: activations,
        partition: StagePartition.vllm(model, stages: layout.pipeline), vocabularyMultiple: 64)
    } catch let error as CommunicationError {
      throw error
    } catch {
      throw CommunicationError("\(error)")
    }
  }
}

extension StagePartition {
  /// Layers as vLLM cuts them (`get_pp_indices` in its distributed/utils.py): equal stages; what is
  /// left over goes to the last stage but one, the one before it, and so on.
  static func vllm(
    _ model: ModelConfiguration, stages: Int
  ) throws(ModelError) -> StagePartition {
    var sizes = [Int](repeating: model.layerCount / stages, count: stages)
    for extra in 0..<model.layerCount % stages { sizes[stages - 2 - extra] += 1 }
    return try StagePartition(sizes: sizes, model: model)
  }
}
