/// How much of this host's processors the process may use: affinity and control groups counted.
public struct UsableCores: Sendable, Hashable, Codable {
  /// Hardware threads within the affinity mask.
  public let processingUnits: Int
  /// Physical cores within the affinity mask.
  public let cores: Int
  /// CPUs' worth of time the control groups grant; nil without a limit.
  public let cpuQuota: Double?

  init(processingUnits: Int, cores: Int, cpuQuota: Double?) {
    self.processingUnits = processingUnits
    self.cores = cores
    self.cpuQuota = cpuQuota
  }

  /// Ranks of one thread that can run at full speed: the cores, at most the whole CPUs of the quota,
  /// at least 1.
  public var count: Int {
    // Some virtual machines show no cores to hwloc, only processing units.
    let present = cores > 0 ? cores : processingUnits
    let granted = cpuQuota.map { Int(min($0, Double(present))) } ?? present
    return max(1, min(present, granted))
  }

  /// Asks hwloc and the control groups.
  public static func detect() throws(LocalityError) -> UsableCores {
    let binding = try Binding.current()
    return UsableCores(
      processingUnits: binding.processingUnits.count, cores: binding.cores,
      cpuQuota: ControlGroup().cpuQuota())
  }
}
