import Hardware
import Models
import Records
import Units

extension SimulatedWork {
  /// Writes the records of all parts, as ranks of one node would have, and marks the cell done.
  /// - Parameters:
  ///   - outputs: of every part, in order.
  ///   - start: of the run, ISO 8601.
  public func write(
    _ outputs: [SimulatedRecords], to cell: CellDirectory, arguments: [String], version: String,
    start: String
  ) throws {
    try AtomicFile.createFolder(cell.ranksFolder)
    try AtomicFile.write(
      JSONText.pretty(provenance(arguments: arguments, version: version, start: start)),
      to: cell.provenance)
    try Self.write(outputs, \.batches, to: cell.batches)
    try Self.write(outputs, \.ranks, to: cell.node(0))
    try Self.write(outputs, \.requests, to: cell.requests)
    try Self.write(outputs, \.iterations, to: cell.iterations)
    try Self.write(outputs, \.serving, to: cell.serving)
    try cell.enter(.done)
  }

  /// Writes the records of one kind, if there are any.
  private static func write(
    _ outputs: [SimulatedRecords], _ records: (SimulatedRecords) -> [some Record], to path: String
  ) throws {
    var bytes: [UInt8] = []
    for output in outputs {
      for record in records(output) { bytes += try JSONLinesWriter.line(record) }
    }
    if !bytes.isEmpty { try AtomicFile.write(bytes, to: path) }
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
          deployment.weightBytes(stage: deployment.layout.coordinates(of: rank).stage)),
        loadAverage: 0)
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
      ] + self.warnings)
  }
}
