/// One communication call of one rank in the traced execution (job key `trace`): when, what, how much.
public struct OperationRecord: Record, Hashable {
  public static let schemaName = "padtax/operation"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var cell: String
  public var policy: String
  public var batch: Int
  public var rank: Int
  /// `prefill` or `decode` (of a score pass `prefill`).
  public var phase: String
  public var operation: String
  /// Role of the communicator: `tensor`, `pipeline` or `control`.
  public var communicator: String
  /// The peer or root, as a rank of the launch; nil for operations without one.
  public var peer: Int?
  public var bytes: Int
  public var paddedBytes: Int
  /// Seconds since the coordinator's start of the execution, on the rank's own clock.
  public var startSeconds: Double
  public var endSeconds: Double

  public init(
    cell: String, policy: String, batch: Int, rank: Int, phase: String, operation: String,
    communicator: String, peer: Int?, bytes: Int, paddedBytes: Int, startSeconds: Double,
    endSeconds: Double
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.cell = cell
    self.policy = policy
    self.batch = batch
    self.rank = rank
    self.phase = phase
    self.operation = operation
    self.communicator = communicator
    self.peer = peer
    self.bytes = bytes
    self.paddedBytes = paddedBytes
    self.startSeconds = startSeconds
    self.endSeconds = endSeconds
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, cell, policy, batch, rank, phase, operation, communicator, peer, bytes
    case paddedBytes = "padded_bytes"
    case startSeconds = "start_s"
    case endSeconds = "end_s"
  }
}
