import Units

/// One kind of device: memory, rates, links, what its kernels take and what an engine adds.
public struct Accelerator: Sendable {
  public let name: String
  public let description: String
  public let memory: Bytes
  /// Bytes per second of device memory, from the data sheet.
  public let bandwidth: Double
  /// Dense multiply-add rate in FLOP/s by format (no sparsity), from the data sheet.
  public let peaks: [NumberFormat: Double]
  /// Networks' name of the link between devices of a node, and between nodes.
  public let nodeLink: String
  public let betweenLink: String
  public let devicesPerNode: Int
  public let kernels: any KernelModel
  /// What the file names: tables of the catalogue, a file of tables, or `roofline`.
  public let kernelName: String
  /// Shares of the rates that kernels without a table reach.
  public let efficiency: RooflineModel.Efficiency
  /// How kernels are known, in words.
  public let kernelSource: String
  /// What kernels were fitted to; nil where only the roofline is known.
  public let tables: KernelTables?
  /// Whether the tables were measured on a device with other rates.
  public let isCarriedOver: Bool
  /// What the engine adds; a variable, so that a study can set its own.
  public var overheads: EngineOverheads
  /// Source of each number by its key in the file.
  public let sources: [String: NumberSource]

  /// A device that is in no file; the links are names of Networks' catalogue.
  public init(
    name: String, description: String = "", memory: Bytes, bandwidth: Double,
    peaks: [NumberFormat: Double], nodeLink: String, betweenLink: String, devicesPerNode: Int,
    kernels: any KernelModel, overheads: EngineOverheads = EngineOverheads()
  ) {
    self.name = name
    self.description = description
    self.memory = memory
    self.bandwidth = bandwidth
    self.peaks = peaks
    self.nodeLink = nodeLink
    self.betweenLink = betweenLink
    self.devicesPerNode = devicesPerNode
    self.kernels = kernels
    kernelName = "given"
    efficiency = .ideal
    kernelSource = "given"
    tables = nil
    isCarriedOver = false
    self.overheads = overheads
    sources = [:]
  }

  /// Networks' name of the whole network, as jobs write it.
  public var network: String { "\(nodeLink)+\(betweenLink)" }

  /// The dense peak; throws with the formats that the device has.
  public func peak(_ format: NumberFormat) throws(HardwareError) -> Double {
    guard let peak = peaks[format.peakFormat] else {
      throw HardwareError(
        .precision,
        "\(name) has no peak for \(format.rawValue); valid: "
          + Self.formats(peaks).joined(separator: " "))
    }
    return peak
  }

  /// Names of the formats with a peak, widest first.
  static func formats(_ peaks: [NumberFormat: Double]) -> [String] {
    NumberFormat.allCases.filter { peaks[$0.peakFormat] != nil }.map(\.rawValue)
  }
}

/// Where a number comes from, and when.
public struct NumberSource: Hashable, Sendable {
  public let source: String
  public let date: String

  public init(source: String, date: String) {
    self.source = source
    self.date = date
  }
}

/// What a serving engine adds to its kernels, in seconds.
public struct EngineOverheads: Hashable, Sendable {
  /// For each step of the engine: scheduling, preparing inputs, sampling on the host.
  public var step: Double
  /// For each sequence of a step.
  public var perSequence: Double
  /// For each collective, beyond what the network's tables say.
  public var perCollective: Double
  /// For each kernel launched, where the engine does not hide it (no graph of the whole step).
  public var perKernel: Double

  public init(
    step: Double = 0, perSequence: Double = 0, perCollective: Double = 0, perKernel: Double = 0
  ) {
    self.step = step
    self.perSequence = perSequence
    self.perCollective = perCollective
    self.perKernel = perKernel
  }
}
