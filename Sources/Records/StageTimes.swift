/// Where a cell's time went on its coordinator, from its communicators to its end: what the job costs
/// beside its batches.
public struct StageTimes: Record, Hashable {
  public static let schemaName = "padtax/stages"
  public static let schemaVersion = 1
  public let schema: String
  public let version: Int
  public var cell: String
  public var ranks: Int
  /// Batches executed, under all policies, warm-ups too.
  public var executions: Int
  /// Wall-clock seconds by stage, such as `survey`, `verify`, `measure`, `gather`, `records`.
  public var seconds: [String: Double]

  public init(cell: String, ranks: Int, executions: Int, seconds: [String: Double]) {
    schema = Self.schemaName
    version = Self.schemaVersion
    self.cell = cell
    self.ranks = ranks
    self.executions = executions
    self.seconds = seconds
  }
}
