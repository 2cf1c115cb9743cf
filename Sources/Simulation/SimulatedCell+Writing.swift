import Hardware
import Models
import Records
import Units

extension SimulatedCell {
  /// Writes the records of all batches, as ranks of one node would have, and marks the cell done.
  /// - Parameters:
  ///   - outputs: of every batch, in order.
  ///   - start: of the run, ISO 8601.
  public func write(
    _ outputs: [Output], to cell: CellDirectory, arguments: [String], version: String,
    start: String
  ) throws {
    try AtomicFile.createFolder(cell.ranksFolder)
    try AtomicFile.write(
      JSONText.pretty(provenance(arguments: arguments, version: version, start: start)),
      to: cell.provenance)
    var batches: [UInt8] = []
    var ranks: [UInt8] = []
    for output in outputs {
      for record in output.batches { batches += try JSONLinesWriter.line(record) }
      for record in output.ranks { ranks += try JSONLinesWriter.line(record) }
    }
    try AtomicFile.write(batches, to: cell.batches)
    try AtomicFile.write(ranks, to: cell.node(0))
    try cell.enter(.done)
  }

  private func provenance(arguments: [String], version: String, start: String) -> Provenance {
    let (model, hardware) = (resolved.model, deployment.hardware)
    let format = deployment.settings.format
    let peak = (hardware.peaks[format.peakFormat] ?? 0) / 1e9
    let ranks = (0..<deployment.layout.worldSize).map { rank in
      RankFacts(
        rank: rank, host: "modelled", process: 0,
        cpuModel: "\(hardware.description), modelled", usableCores: deployment.layout.worldSize,
        binding: "", numaNode: "", backend: "modelled",
        library: "kernels: \(hardware.kernelSource)", blasCore: "", instructionSet: format.rawValue,
        threads: 1, peakGFLOPS: peak, gemmGFLOPS: peak,
        weightBytes: Int(
          Double(deployment.shards[deployment.layout.coordinates(of: rank).stage].parameterCount)
            * format.bytes), loadAverage: 0)
    }
    return Provenance(
      cell: name, arguments: arguments, padtaxVersion: version, commit: nil, dirty: nil,
      seed: resolved.job.seed, clock: "modelled", startUTC: start,
      model: ModelFacts(
        name: model.name, parameters: model.parameterCount, layers: model.layerCount,
        hidden: model.hiddenSize, queryHeads: model.queryHeads, kvHeads: model.kvHeads,
        headDimension: model.headDimension, feedForward: model.feedForwardSize,
        vocabulary: model.vocabularySize, weights: "none"),
      layout: "\(deployment.layout)", mpiLibrary: "none", mpiStandard: "", oversubscribed: false,
      ranks: ranks, environment: [:],
      warnings: [
        "times are modelled, nothing ran: \(hardware.name) (kernels: \(hardware.kernelSource)), "
          + "network \(deployment.prices.network)"
      ])
  }
}
