/// A run as a whole: written by `padtax run` (or by rank 0 of a launch by hand) before the first
/// cell and completed after the last.
public struct RunRecord: Record, Hashable {
  public static let schemaName = "padtax/run"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var identifier: String
  public var job: String
  public var arguments: [String]
  public var padtaxVersion: String
  public var host: String
  public var seed: UInt64
  /// `wall` or `virtual`; of the latter, the network as the job names it.
  public var clock: String
  public var network: String?
  /// ISO 8601, UTC. The end is nil while the run is going on, or when it was killed.
  public var startUTC: String
  public var endUTC: String?
  /// Cells in the order in which they run.
  public var cells: [String]
  /// What a cell varies of the job, in words, by its identifier; nothing for jobs without axes.
  public var variations: [String: String] = [:]
  /// Digest of the rank program that the cells ran with.
  public var binary: String?
  /// What `--force` overrode, in sentences.
  public var forced: [String] = []

  public init(
    identifier: String, job: String, arguments: [String], padtaxVersion: String, host: String,
    seed: UInt64, clock: String, network: String? = nil, startUTC: String, endUTC: String?,
    cells: [String]
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.identifier = identifier
    self.job = job
    self.arguments = arguments
    self.padtaxVersion = padtaxVersion
    self.host = host
    self.seed = seed
    self.clock = clock
    self.network = network
    self.startUTC = startUTC
    self.endUTC = endUTC
    self.cells = cells
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, identifier, job, arguments
    case padtaxVersion = "padtax_version"
    case host, seed, clock, network
    case startUTC = "start_utc"
    case endUTC = "end_utc"
    case cells, variations, binary, forced
  }
}

/// A progress line that a rank prints for the program that launched it.
public struct ProgressLine: Codable, Hashable, Sendable {
  /// What every such line begins with on standard output, before its JSON.
  public static let prefix = "@padtax "

  public var layout: String
  /// `load`, `verify` or `measure`.
  public var stage: String
  public var policy: String?
  public var batch: Int?
  /// Work units done and in total of this cell, and the seconds since it began.
  public var done: Int
  public var total: Int
  public var elapsedSeconds: Double

  public init(
    layout: String, stage: String, policy: String?, batch: Int?, done: Int, total: Int,
    elapsedSeconds: Double
  ) {
    self.layout = layout
    self.stage = stage
    self.policy = policy
    self.batch = batch
    self.done = done
    self.total = total
    self.elapsedSeconds = elapsedSeconds
  }

  enum CodingKeys: String, CodingKey {
    case layout, stage, policy, batch, done, total
    case elapsedSeconds = "elapsed_s"
  }
}
