import JSONReading

/// The fitted kernels of one device, as its file has them.
public struct KernelTables: Hashable, Sendable {
  public let name: String
  /// Where the rows come from and what fitted them, and when they were measured.
  public let source: String
  public let date: String
  /// The rates that the surfaces are measured against.
  public let roofline: KernelRoofline
  /// Shares of those rates that large kernels reach.
  public let efficiency: RooflineModel.Efficiency
  public let surfaces: [KernelSurface]

  public init(
    name: String, source: String, date: String, roofline: KernelRoofline,
    efficiency: RooflineModel.Efficiency, surfaces: [KernelSurface]
  ) {
    self.name = name
    self.source = source
    self.date = date
    self.roofline = roofline
    self.efficiency = efficiency
    self.surfaces = surfaces
  }

  public init(contentsOf path: String) throws(HardwareError) {
    let document: JSONDocument
    do throws(JSONProblem) {
      document = try JSONDocument(contentsOf: path)
    } catch {
      throw HardwareError(.file, error)
    }
    try self.init(document)
  }

  /// The surface that prices a table's rows; nil where none was fitted.
  public func surface(
    _ operation: KernelOperation, _ format: NumberFormat
  ) -> KernelSurface? {
    surfaces.first { $0.operation == operation && $0.format == format }
  }
}
