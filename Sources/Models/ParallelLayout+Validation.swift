extension ModelConfiguration {
  /// Tensor-parallel degrees this model can be split by, in order.
  ///
  /// A degree divides the query heads, and either divides the KV heads (split) or is a multiple of
  /// them (each KV head replicated); every rank gets some of the feed-forward and the vocabulary.
  public var validTensorDegrees: [Int] {
    (1...queryHeads).filter(isValidTensorDegree)
  }

  private func isValidTensorDegree(_ degree: Int) -> Bool {
    queryHeads % degree == 0 && (kvHeads % degree == 0 || degree % kvHeads == 0)
      && degree <= feedForwardSize && degree <= vocabularySize
  }

  /// Throws naming the heads `degree` does not divide, and the degrees that fit.
  func validate(tensorDegree degree: Int) throws(ModelError) {
    guard !isValidTensorDegree(degree) else { return }
    let reason =
      if kvHeads % degree != 0 && degree % kvHeads != 0 {
        degree < kvHeads
          ? "does not divide \(kvHeads) KV heads"
          : "neither divides nor is a multiple of \(kvHeads) KV heads"
      } else if queryHeads % degree != 0 {
        "does not divide \(queryHeads) query heads"
      } else {
        "is more than the feed-forward size \(feedForwardSize) or the vocabulary \(vocabularySize)"
      }
    let valid = validTensorDegrees.map(String.init).joined(separator: " ")
    throw ModelError(
      .layout, "tensor-parallel degree \(degree) \(reason) (\(name)); valid degrees: \(valid)")
  }

  func validate(pipelineDegree degree: Int) throws(ModelError) {
    guard degree > layerCount else { return }
    throw ModelError(
      .layout,
      "pipeline-parallel degree \(degree) is more than \(layerCount) layers (\(name)); "
        + "valid degrees: 1 to \(layerCount)")
  }
}

extension ParallelLayout {
  /// Throws when `model` cannot be divided this way, naming the degree and the valid ones.
  public func validate(for model: ModelConfiguration) throws(ModelError) {
    try model.validate(tensorDegree: tensor)
    try model.validate(pipelineDegree: pipeline)
  }

  /// Throws unless there are as many ranks as the layout needs.
  public func validate(ranks: Int) throws(ModelError) {
    guard ranks != worldSize else { return }
    throw ModelError(
      .layout,
      "layout \(self) needs \(tensor)·\(pipeline)·\(data) = \(worldSize) ranks, found \(ranks)")
  }
}
