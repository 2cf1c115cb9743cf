import Workloads

/// Fits the host time of the study's engine.
enum StudyFit {
  typealias Pair = (measured: PaddingStudy.Measurement, walked: StudyEngine.Walked)

  /// From decode throughput alone: the median over batches of what a decode step takes beyond its
  /// physics. Bulk prefill then has no host time of its own.
  static func decode(_ pairs: [Pair]) -> StudyEngine.HostTime {
    let steps = pairs.map {
      ($0.measured.generationTime - $0.walked.decodePhysics) / Double($0.walked.decodeSteps)
    }.sorted()
    precondition(!steps.isEmpty, "there is a batch to fit on")
    return .init(
      perStep: max(0, (steps[(steps.count - 1) / 2] + steps[steps.count / 2]) / 2), perBulkSlot: 0)
  }

  /// From TTFTs: the two numbers, neither below 0, with the least sum of relative errors.
  ///
  /// Least absolute errors, so that single batches far off (of which the study has some) do not rule;
  /// found by iteratively reweighted least squares (Schlossmacher, JASA 68, 1973).
  static func prefill(_ pairs: [Pair]) -> StudyEngine.HostTime {
    var weights = pairs.map { 1 / ($0.measured.batchTTFT * $0.measured.batchTTFT) }
    var host = StudyEngine.HostTime(perStep: 0, perBulkSlot: 0)
    for _ in 0..<200 {
      host = leastSquares(pairs, weights)
      weights = pairs.map { pair in
        let time = pair.measured.batchTTFT
        let error = abs(pair.walked.batchTTFT(host) / time - 1)
        return 1 / (time * time * max(error, 1e-4))
      }
    }
    return host
  }

  /// The fit of one set of batches for another one. What a step costs is not the same for every number of
  /// rows: between sets of other sizes it is scaled by the host time of their decode steps.
  static func carried(from others: [Pair], to own: [Pair]) -> StudyEngine.HostTime {
    var host = prefill(others)
    let sizes = Set((others + own).map(\.measured.lengths.count))
    let before = decode(others).perStep
    if sizes.count > 1, before > 0 { host.perStep *= decode(own).perStep / before }
    return host
  }

  private static func leastSquares(_ pairs: [Pair], _ weights: [Double]) -> StudyEngine.HostTime {
    var (ss, sq, qq, sy, qy) = (0.0, 0.0, 0.0, 0.0, 0.0)
    for (pair, weight) in zip(pairs, weights) {
      let (s, q) = (Double(pair.walked.steps), Double(pair.walked.bulkSlots))
      let y = pair.measured.batchTTFT - pair.walked.physics
      ss += weight * s * s
      sq += weight * s * q
      qq += weight * q * q
      sy += weight * s * y
      qy += weight * q * y
    }
    let determinant = ss * qq - sq * sq
    if determinant > 1e-9 * ss * qq {
      let perStep = (sy * qq - qy * sq) / determinant
      let perSlot = (qy * ss - sy * sq) / determinant
      if perStep >= 0, perSlot >= 0 { return .init(perStep: perStep, perBulkSlot: perSlot) }
      if perStep < 0 { return .init(perStep: 0, perBulkSlot: qq > 0 ? max(0, qy / qq) : 0) }
    }
    return .init(perStep: ss > 0 ? max(0, sy / ss) : 0, perBulkSlot: 0)
  }
}
