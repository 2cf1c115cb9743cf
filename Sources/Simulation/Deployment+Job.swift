import Hardware
import Models
import Networks
import Records

extension Deployment {
  /// A layout of a job on one of the devices that the job names.
  /// - Throws: `SimulationError` with the valid choices.
  public init(
    _ resolved: ResolvedJob, layout: ParallelLayout, hardware name: String
  ) throws(SimulationError) {
    let job = resolved.job
    guard let choice = job.simulation else {
      throw SimulationError(
        .configuration,
        "the job names no hardware; add hardware: NAME (\(HardwareCatalogue.names.joined(separator: " "))"
          + ", or a file)")
    }
    let hardware = try SimulationError.wrap { try HardwareCatalogue.accelerator(name) }
    let format = try Self.format(choice.numberFormat, "number-format") ?? hardware.usualFormat
    let settings = Settings(
      format: format, cacheFormat: try Self.format(choice.cacheFormat, "cache-format"),
      dialect: job.dialect, reduction: job.tensorReduction,
      reductionChunks: job.reductionChunks ?? 1, overlap: choice.overlap ?? 0,
      reserve: choice.reserve ?? Settings().reserve)
    try self.init(
      model: resolved.model, layout: layout, hardware: hardware,
      network: SimulationError.wrap { try choice.network.map { try Network(parsing: $0) } },
      nodes: SimulationError.wrap { try choice.nodes?.nodes(ranks: layout.worldSize) },
      settings: settings)
  }

  /// The number format of that name.
  /// - Throws: `SimulationError` with the names that there are.
  public static func format(
    _ name: String?, _ key: String
  ) throws(SimulationError) -> NumberFormat? {
    guard let name else { return nil }
    guard let format = NumberFormat(rawValue: name) else {
      throw SimulationError(
        .configuration,
        "\(key) '\(name)' is unknown; valid: "
          + NumberFormat.allCases.map(\.rawValue).joined(separator: " "))
    }
    return format
  }
}

extension Accelerator {
  /// The format that a device computes in unless one is named: bf16 where it has a rate for it.
  public var usualFormat: NumberFormat { peaks[.bf16] == nil ? .fp32 : .bf16 }
}
