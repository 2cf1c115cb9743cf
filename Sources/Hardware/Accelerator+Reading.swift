import Units

extension Accelerator {
  /// Reads a hardware file in YAML.
  ///
  /// - Parameters:
  ///   - file: its name, for errors.
  ///   - base: gives the accelerator that `base: NAME` takes missing numbers from.
  public init(
    parsing text: String, file: String,
    base: (String) throws(HardwareError) -> Accelerator = HardwareCatalogue.accelerator
  ) throws(HardwareError) {
    var root = try HardwareNode(parsing: text, file: file)
    let base = try root.text("base").map { (name) throws(HardwareError) in try base(name) }
    func required<Value>(_ key: String, _ value: Value?) throws(HardwareError) -> Value {
      guard let value else { throw root.error(key, "is missing (or give base: NAME)") }
      return value
    }
    guard let name = try root.text("name") else { throw root.error("name", "is missing") }
    let description = try root.text("description") ?? base?.description
    let gibibyte = 1_073_741_824.0
    let memory = try root.number("memory-gib", limit: 1e9).map { Bytes(Int($0 * gibibyte)) }
    let bandwidth = try root.number("bandwidth-gbps", limit: 1e9).map { $0 * 1e9 }
    let devices = try root.integer("devices-per-node", in: 1...1024)
    let peaks = try Self.peaks(&root)
    let links = try Self.links(&root, base)
    let efficiency = try Self.efficiency(&root)
    let kernels = try root.text("kernels")
    let overheads = try Self.overheads(&root, base?.overheads ?? EngineOverheads())
    let own = try Self.sources(&root)
    try root.finish()

    self.name = name
    self.description = try required("description", description)
    self.memory = try required("memory-gib", memory ?? base?.memory)
    self.bandwidth = try required("bandwidth-gbps", bandwidth ?? base?.bandwidth)
    self.peaks = (base?.peaks ?? [:]).merging(peaks) { $1 }
    self.devicesPerNode = try required("devices-per-node", devices ?? base?.devicesPerNode)
    nodeLink = links.node
    betweenLink = links.between
    self.overheads = overheads
    sources = (base?.sources ?? [:]).merging(own) { $1 }
    guard !self.peaks.isEmpty else { throw root.error("peak-tflops", "is missing") }
    let choice = try Self.kernels(
      text: kernels, base: base?.kernelName, efficiency: efficiency,
      baseEfficiency: base?.efficiency,
      rates: KernelRoofline(peaks: self.peaks, bandwidth: self.bandwidth),
      root, name: name)
    kernelName = choice.name
    kernelSource = choice.source
    tables = choice.tables
    isCarriedOver = choice.isCarriedOver
    self.efficiency = choice.efficiency
    self.kernels = choice.model
  }

  /// What a file says of kernels, as a model.
  private struct KernelChoice {
    var name: String
    var source: String
    var tables: KernelTables?
    var isCarriedOver = false
    var efficiency: RooflineModel.Efficiency
    var model: any KernelModel
  }

  private static func kernels(
    text: String?, base: String?, efficiency: RooflineModel.Efficiency?,
    baseEfficiency: RooflineModel.Efficiency?, rates: KernelRoofline, _ root: HardwareNode,
    name: String
  ) throws(HardwareError) -> KernelChoice {
    guard let kernels = text ?? base else {
      throw root.error("kernels", "is missing: roofline, the name of tables, or a file FILE.json")
    }
    if kernels == "roofline" {
      guard let efficiency = efficiency ?? baseEfficiency else {
        throw root.error("efficiency", "is missing, and there are no tables to take it from")
      }
      return KernelChoice(
        name: kernels, source: "roofline with efficiencies; no kernel was measured",
        tables: nil, efficiency: efficiency,
        model: RooflineModel(
          name: name, peaks: rates.peaks, bandwidth: rates.bandwidth, efficiency: efficiency))
    }
    let tables: KernelTables
    do throws(HardwareError) {
      tables =
        try kernels.hasSuffix(".json")
        ? KernelTables(contentsOf: root.path(of: kernels)) : KernelCatalogue.tables(kernels)
    } catch {
      guard error.kind == .name else { throw error }
      throw root.error("kernels", error.message, kind: .name)
    }
    let efficiency = efficiency ?? tables.efficiency
    let own = tables.roofline
    let isCarriedOver =
      own.bandwidth != rates.bandwidth
      || own.peaks.contains { rates.peaks[$0.key] != $0.value }
    return KernelChoice(
      name: kernels,
      source: "tables \(tables.name) (\(tables.source), \(tables.date))"
        + (isCarriedOver ? ", carried over to this device by its roofline" : ""),
      tables: tables, isCarriedOver: isCarriedOver, efficiency: efficiency,
      model: TableModel(
        tables.surfaces,
        roofline: RooflineModel(
          name: name, peaks: rates.peaks, bandwidth: rates.bandwidth, efficiency: efficiency),
        isCarriedOver: isCarriedOver))
  }

  private static func peaks(
    _ root: inout HardwareNode
  ) throws(HardwareError) -> [NumberFormat: Double] {
    guard var node = try root.child("peak-tflops") else { return [:] }
    var peaks: [NumberFormat: Double] = [:]
    let formats = NumberFormat.allCases.filter { $0.peakFormat == $0 }
    for key in node.keys {
      guard let format = formats.first(where: { $0.rawValue == key }) else {
        throw node.error(
          key, "unknown format; \(NearestName.text(key, among: formats.map(\.rawValue)))")
      }
      peaks[format] = try node.number(key, limit: 1e9).map { $0 * 1e12 }
    }
    return peaks
  }

  private static func links(
    _ root: inout HardwareNode, _ base: Accelerator?
  ) throws(HardwareError) -> (node: String, between: String) {
    var node = try root.child("links")
    let inside = try node?.text("node") ?? base?.nodeLink
    let between = try node?.text("between") ?? base?.betweenLink
    try node?.finish()
    guard let inside, let between else {
      throw root.error("links", "needs node: NETWORK and between: NETWORK")
    }
    return (inside, between)
  }

  private static func efficiency(
    _ root: inout HardwareNode
  ) throws(HardwareError) -> RooflineModel.Efficiency? {
    guard var node = try root.child("efficiency") else { return nil }
    let gemm = try node.number("gemm", limit: 1)
    let attention = try node.number("attention", limit: 1)
    let memory = try node.number("memory", limit: 1)
    let launch = try node.number("launch-us", limit: 1e6, orZero: true)
    let attentionMemory = try node.number("attention-memory", limit: 1)
    let attentionLaunch = try node.number("attention-launch-us", limit: 1e6, orZero: true)
    try node.finish()
    guard let gemm, let attention, let memory, let launch else {
      throw root.error("efficiency", "needs gemm, attention, memory (shares of 1) and launch-us")
    }
    return .init(
      gemm: gemm, attention: attention, memory: memory, launch: launch / 1e6,
      attentionMemory: attentionMemory, attentionLaunch: attentionLaunch.map { $0 / 1e6 })
  }

  private static func overheads(
    _ root: inout HardwareNode, _ base: EngineOverheads
  ) throws(HardwareError) -> EngineOverheads {
    guard var node = try root.child("overhead-us") else { return base }
    func microseconds(_ key: String, _ value: Double) throws(HardwareError) -> Double {
      try node.number(key, limit: 1e9, orZero: true).map { $0 / 1e6 } ?? value
    }
    let overheads = EngineOverheads(
      step: try microseconds("step", base.step),
      perSequence: try microseconds("sequence", base.perSequence),
      perCollective: try microseconds("collective", base.perCollective),
      perKernel: try microseconds("kernel", base.perKernel))
    try node.finish()
    return overheads
  }

  private static func sources(
    _ root: inout HardwareNode
  ) throws(HardwareError) -> [String: NumberSource] {
    guard var node = try root.child("sources") else { return [:] }
    var sources: [String: NumberSource] = [:]
    for key in node.keys {
      guard var entry = try node.child(key) else { continue }
      guard let source = try entry.text("source"), let date = try entry.text("date") else {
        throw node.error(key, "needs source: TEXT and date: TEXT")
      }
      try entry.finish()
      sources[key] = NumberSource(source: source, date: date)
    }
    return sources
  }
}
