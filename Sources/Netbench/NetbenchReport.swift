import Records

/// Everything that a run of netbench found out, with the field names of nccl-tests' `-J` output
/// where it has one for the same thing.
public struct NetbenchReport: Record, Hashable {
  public static let schemaName = "padtax/netbench"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  /// A rank, under nccl-tests' key `devices`.
  public struct Device: Codable, Hashable, Sendable {
    public var rank: Int
    public var group = 0
    public var pid: Int
    public var hostname: String
    /// Logical CPUs that the rank may use, in Linux's list format.
    public var binding: String

    public init(rank: Int, pid: Int, hostname: String, binding: String) {
      self.rank = rank
      self.pid = pid
      self.hostname = hostname
      self.binding = binding
    }
  }

  public struct Configuration: Codable, Hashable, Sendable {
    public var minimumBytes: Int
    public var maximumBytes: Int
    public var stepFactor: Double
    /// Seconds for one operation at one size, nil when repeats were asked for.
    public var seconds: Double?
    /// Slices that were asked for.
    public var iterations: Int?
    /// 1: every size was checked on every rank.
    public var validation = 1
    public var layout: String?
    public var devices: [Device]
    public var groups: [RankGroups]

    enum CodingKeys: String, CodingKey {
      case minimumBytes = "minimum_bytes"
      case maximumBytes = "maximum_bytes"
      case stepFactor = "step_factor"
      case seconds, iterations, validation, layout, devices, groups
    }

    public init(_ request: NetbenchRequest, devices: [Device], groups: [RankGroups]) {
      minimumBytes = request.ladder.minimum
      maximumBytes = request.ladder.maximum
      stepFactor = request.ladder.factor
      switch request.effort {
      case .seconds(let seconds): self.seconds = seconds
      case .repeats(let repeats): iterations = repeats
      }
      layout = request.layout.map { "\($0)" }
      self.devices = devices
      self.groups = groups
    }
  }

  public struct OutOfBounds: Codable, Hashable, Sendable {
    public var count: Int
    /// A text, as in nccl-tests.
    public var okay: String
  }

  public var startTime: String
  public var endTime: String
  public var args: [String]
  public var mpiLibrary: String
  public var cpuModel: String
  /// Hosts as MPI tells them apart.
  public var hosts: Int
  /// True when a host has more ranks than usable cores: then a rank waits for a core, not for the
  /// network.
  public var oversubscribed: Bool
  /// Sentences that a reader of the numbers must know.
  public var warnings: [String]
  public var config: Configuration
  public var results: [NetbenchResult]
  public var outOfBounds: OutOfBounds

  enum CodingKeys: String, CodingKey {
    case schema, version
    case startTime = "start_time"
    case endTime = "end_time"
    case args
    case mpiLibrary = "mpi_library"
    case cpuModel = "cpu_model"
    case hosts, oversubscribed, warnings, config, results
    case outOfBounds = "out_of_bounds"
  }

  public init(
    startTime: String, endTime: String, args: [String], mpiLibrary: String, cpuModel: String,
    hosts: Int, oversubscribed: Bool, warnings: [String], config: Configuration,
    results: [NetbenchResult]
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.startTime = startTime
    self.endTime = endTime
    self.args = args
    self.mpiLibrary = mpiLibrary
    self.cpuModel = cpuModel
    self.hosts = hosts
    self.oversubscribed = oversubscribed
    self.warnings = warnings
    self.config = config
    self.results = results
    let wrong = results.flatMap(\.variants).reduce(0) { $0 + $1.1.wrong }
    outOfBounds = OutOfBounds(count: wrong, okay: wrong == 0 ? "true" : "false")
  }

  /// Begins the line in which rank 0 hands the report to the program that launched it.
  public static let linePrefix = "@netbench "
}
