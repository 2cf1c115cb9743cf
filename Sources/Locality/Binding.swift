/// Where this process may run, as a plain value for provenance; see `Binding.current()`.
public struct Binding: Sendable, Hashable, Codable {
  /// Processing units the process may use, as the operating system counts them: `0-3,8`.
  public let processingUnitList: String
  /// The same, one by one.
  public let processingUnits: [Int]
  /// Distinct physical cores they belong to.
  public let cores: Int
  /// NUMA nodes next to them.
  public let numaNodes: [Int]
  /// True when these are fewer than the machine has.
  public let isRestricted: Bool
}
