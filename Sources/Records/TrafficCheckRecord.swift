/// The traffic of one batch under one policy, held against the analytic model of it on every rank and
/// in every execution, warm-up included.
public struct TrafficCheckRecord: Record, Hashable {
  public static let schemaName = "padtax/traffic-check"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int

  public var cell: String
  public var layout: String
  public var dialect: String
  public var tensorReduction: String
  public var policy: String
  public var batch: Int
  public var ranks: Int
  /// Executions that were compared, and operations of one of them over all ranks.
  public var executions: Int
  public var operations: Int
  /// Bytes that the ranks hand to MPI in one execution as the model has them (what is received is
  /// counted by its sender), and those of slots without a token.
  public var sentBytes: Int
  public var paddedBytes: Int
  /// Every operation of every rank was the model's: kind, communicator, element type, count, bytes,
  /// peer, phase, units and useful units, in order.
  public var passed: Bool
  /// The first difference of the lowest rank that has one.
  public var difference: TrafficDifference?

  public init(
    cell: String, layout: String, dialect: String, tensorReduction: String, policy: String,
    batch: Int, ranks: Int, executions: Int, operations: Int, sentBytes: Int, paddedBytes: Int,
    difference: TrafficDifference?
  ) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.cell = cell
    self.layout = layout
    self.dialect = dialect
    self.tensorReduction = tensorReduction
    self.policy = policy
    self.batch = batch
    self.ranks = ranks
    self.executions = executions
    self.operations = operations
    self.sentBytes = sentBytes
    self.paddedBytes = paddedBytes
    passed = difference == nil
    self.difference = difference
  }

  enum CodingKeys: String, CodingKey {
    case schema, version, cell, layout, dialect
    case tensorReduction = "tensor_reduction"
    case policy, batch, ranks, executions, operations
    case sentBytes = "sent_bytes"
    case paddedBytes = "padded_bytes"
    case passed, difference
  }
}

/// An operation that a rank did and its model did not, or the other way round.
public struct TrafficDifference: Codable, Hashable, Sendable, CustomStringConvertible {
  public var rank: Int
  /// Which execution of the batch, warm-up included; 0 is the first.
  public var execution: Int
  /// The operation's place among those of the rank in the execution, waits left out.
  public var index: Int
  /// In words; "nothing" where one side has ended.
  public var expected: String
  public var found: String

  public init(rank: Int, execution: Int, index: Int, expected: String, found: String) {
    self.rank = rank
    self.execution = execution
    self.index = index
    self.expected = expected
    self.found = found
  }

  public var description: String {
    "rank \(rank), execution \(execution), operation \(index): expected \(expected); found \(found)"
  }
}
