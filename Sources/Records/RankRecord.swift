/// Traffic of one operation on one communicator during one phase, summed over its calls.
public struct TrafficTotal: Codable, Hashable, Sendable {
  /// The operation, such as `all-reduce`, `send`.
  public var operation: String
  /// Role of the communicator: `tensor`, `pipeline`, `data` or `control`.
  public var communicator: String
  public var elementType: String
  public var calls: Int
  /// Elements and bytes as the call counts them (buffer size, not bytes on links).
  public var elements: Int
  public var bytes: Int
  /// Bytes that belong to slots without a token.
  public var paddedBytes: Int
  public var seconds: Double
  /// The operation's part of the rank's communication time: the time in which its data can have moved.
  /// Nil in records of before it was kept.
  public var communicationSeconds: Double?

  public init(
    operation: String, communicator: String, elementType: String, calls: Int, elements: Int,
    bytes: Int, paddedBytes: Int, seconds: Double, communicationSeconds: Double? = nil
  ) {
    self.operation = operation
    self.communicator = communicator
    self.elementType = elementType
    self.calls = calls
    self.elements = elements
    self.bytes = bytes
    self.paddedBytes = paddedBytes
    self.seconds = seconds
    self.communicationSeconds = communicationSeconds
  }

  enum CodingKeys: String, CodingKey {
    case operation, communicator
    case elementType = "element_type"
    case calls, elements, bytes
    case paddedBytes = "padded_bytes"
    case seconds = "s"
    case communicationSeconds = "communication_s"
  }
}

/// What one rank did during one phase of one batch. The phase's time is the sum of compute,
/// communication and idle time.
public struct RankRecord: Record, Hashable {
  public static let schemaName = "padtax/rank-phase"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var cell: String
  public var layout: String
  /// Where the times come from; nil in records from before there was more than one clock.
  public var origin: Origin?
  public var policy: String
  public var batch: Int
  public var repeatIndex: Int
  public var warmup: Bool
  /// `prefill` or `decode`.
  public var phase: String
  public var rank: Int
  public var tensorRank: Int
  public var stage: Int
  public var replica: Int

  public var wallSeconds: Double
  public var computeSeconds: Double
  /// Time in which data moved: of a collective, the shortest time that any member spent in it.
  public var communicationSeconds: Double
  /// Time spent waiting for other ranks.
  public var idleSeconds: Double
  /// Model traffic; `control` traffic is listed too but is not part of the model's bytes.
  public var traffic: [TrafficTotal]
  /// High-water mark of resident memory of the process, in bytes.
  public var peakMemoryBytes: Int
  public var weightBytes: Int
  public var kvBytesReserved: Int
  public var kvBytesUsed: Int

  public init(
    cell: String, layout: String, origin: Origin? = .measured, policy: String, batch: Int,
    repeatIndex: Int, warmup: Bool, phase: String, rank: Int, tensorRank: Int, stage: Int,
    replica: Int, wallSeconds: Double,
    computeSeconds: Double, communicationSeconds: Double, idleSeconds: Double,
    traffic: [TrafficTotal], peakMemoryBytes: Int, weightBytes: Int, kvBytesReserved: Int,
    kvBytesUsed: Int
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.cell = cell
    self.layout = layout
    self.origin = origin
    self.policy = policy
    self.batch = batch
    self.repeatIndex = repeatIndex
    self.warmup = warmup
    self.phase = phase
    self.rank = rank
    self.tensorRank = tensorRank
    self.stage = stage
    self.replica = replica
    self.wallSeconds = wallSeconds
    self.computeSeconds = computeSeconds
    self.communicationSeconds = communicationSeconds
    self.idleSeconds = idleSeconds
    self.traffic = traffic
    self.peakMemoryBytes = peakMemoryBytes
    self.weightBytes = weightBytes
    self.kvBytesReserved = kvBytesReserved
    self.kvBytesUsed = kvBytesUsed
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, cell, layout, origin, policy, batch
    case repeatIndex = "repeat"
    case warmup, phase, rank
    case tensorRank = "tensor_rank"
    case stage, replica
    case wallSeconds = "wall_s"
    case computeSeconds = "compute_s"
    case communicationSeconds = "communication_s"
    case idleSeconds = "idle_s"
    case traffic
    case peakMemoryBytes = "peak_memory_bytes"
    case weightBytes = "weight_bytes"
    case kvBytesReserved = "kv_bytes_reserved"
    case kvBytesUsed = "kv_bytes_used"
  }
}
