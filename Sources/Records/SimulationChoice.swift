/// What `padtax simulate` prices a job on: the key `hardware` of a job file and those that belong to
/// it. The names are Hardware's and are looked up there.
public struct SimulationChoice: Hashable, Sendable, Codable {
  /// Names of the catalogue or YAML files; several make a grid.
  public var hardware: [String]
  /// As the virtual clock's; the device's own links when nil.
  public var network: String?
  /// As the virtual clock's; nodes filled with the devices that one has when nil.
  public var nodes: NodeChoice?
  /// Number format of weights and products, and of keys and values; nil for the device's usual.
  public var numberFormat: String?
  public var cacheFormat: String?
  /// Share of collectives, 0 to 1, that may hide behind compute.
  public var overlap: Double?
  /// Share of device memory, 0 to below 1, that is left to the runtime.
  public var reserve: Double?

  public init(
    hardware: [String], network: String? = nil, nodes: NodeChoice? = nil,
    numberFormat: String? = nil, cacheFormat: String? = nil, overlap: Double? = nil,
    reserve: Double? = nil
  ) {
    self.hardware = hardware
    self.network = network
    self.nodes = nodes
    self.numberFormat = numberFormat
    self.cacheFormat = cacheFormat
    self.overlap = overlap
    self.reserve = reserve
  }
}

extension SimulationChoice {
  /// A device's name with its file as `path` gives it; what is neither in a folder nor YAML is a name
  /// of the catalogue and stays.
  public static func hardware(_ name: String, path: (String) -> String) -> String {
    name.contains("/") || name.hasSuffix(".yaml") || name.hasSuffix(".yml") ? path(name) : name
  }

  /// With the files of devices and network as `path` gives them.
  public func placed(_ path: (String) -> String) -> SimulationChoice {
    var choice = self
    choice.hardware = hardware.map { Self.hardware($0, path: path) }
    choice.network = network.map { VirtualTime.network($0, path: path) }
    return choice
  }

  /// Takes the keys out of a job; nil without `hardware`.
  static func read(_ job: inout JobNode, folder: String) throws(RecordError) -> SimulationChoice? {
    let names = try job.texts("hardware")?.map(\.text)
    let format = try job.text("number-format")
    let cache = try job.text("cache-format")
    let overlap = try job.share("overlap", upTo: 1)
    let reserve = try job.share("memory-reserve", upTo: 0.95)
    guard let names else { return nil }
    let nodes = try job.integer("nodes", in: 1...1_000_000).map { NodeChoice.count($0) }
    let perNode = try job.integer("ranks-per-node", in: 1...1_000_000)
      .map { NodeChoice.ranksPerNode($0) }
    return SimulationChoice(
      hardware: names, network: try job.text("network"), nodes: nodes ?? perNode,
      numberFormat: format, cacheFormat: cache, overlap: overlap, reserve: reserve
    ).placed { JobFile.resolve($0, in: folder) }
  }

  /// As lines of a job file; the network and nodes unless the virtual clock has written them.
  func jobLines(withNetwork: Bool) -> [String] {
    var lines = ["hardware: [\(hardware.map(JobFile.quoted).joined(separator: ", "))]"]
    if withNetwork {
      if let network { lines.append("network: \(JobFile.quoted(network))") }
      switch nodes {
      case .count(let count): lines.append("nodes: \(count)")
      case .ranksPerNode(let count): lines.append("ranks-per-node: \(count)")
      case nil: break
      }
    }
    if let numberFormat { lines.append("number-format: \(JobFile.quoted(numberFormat))") }
    if let cacheFormat { lines.append("cache-format: \(JobFile.quoted(cacheFormat))") }
    if let overlap { lines.append("overlap: \(overlap)") }
    if let reserve { lines.append("memory-reserve: \(reserve)") }
    return lines
  }
}

extension JobNode {
  /// A number from 0 to `limit`.
  fileprivate mutating func share(_ key: String, upTo limit: Double) throws(RecordError) -> Double?
  {
    guard let text = try text(key) else { return nil }
    guard let value = Double(text), value >= 0, value <= limit else {
      throw error(key, "'\(text)' is not a share from 0 to \(limit)")
    }
    return value
  }
}
