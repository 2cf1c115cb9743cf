/// What this host is made of, as a plain value for provenance; see `Topology.detect()`.
///
/// Indices are those of the operating system; sets of them are lists such as `0-3,8`.
public struct Topology: Sendable, Hashable, Codable {
  /// A kind of cache; `count` of them exist.
  public struct Cache: Sendable, Hashable, Codable {
    public enum Content: String, Sendable, Hashable, Codable {
      case data, instruction, unified
    }
    /// 1 is nearest to the core.
    public let level: Int
    public let content: Content
    /// Size of one.
    public let bytes: Int
    public let count: Int
    /// Processing units that share one.
    public let sharedBy: Int
  }

  /// A piece of memory and the processing units next to it.
  public struct NUMANode: Sendable, Hashable, Codable {
    public let index: Int
    public let bytes: Int
    public let processingUnits: String
  }

  public let hostname: String
  /// The processor's name, such as `AMD EPYC 9R14`; empty where the system does not tell.
  public let cpuModel: String
  /// Sockets.
  public let packages: Int
  public let cores: Int
  /// Hardware threads.
  public let processingUnits: Int
  public let numaNodes: [NUMANode]
  /// By level, then by content and size.
  public let caches: [Cache]
  /// Memory of the host as the kernel counts it (MemTotal). Virtual machines that grow may have more
  /// than their NUMA nodes tell.
  public let memoryBytes: Int
  /// Version of the hwloc library, such as `2.9.0`.
  public let hwlocVersion: String
}
