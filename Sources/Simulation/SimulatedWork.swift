import Models
import Records
import Units

/// A cell that is priced part by part, on as many threads as there are.
public protocol SimulatedWork: Sendable {
  var name: String { get }
  var resolved: ResolvedJob { get }
  var deployment: Deployment { get }
  /// Parts that can be priced by themselves.
  var unitCount: Int { get }
  /// What a reader of the records should know.
  var warnings: [String] { get }
  /// Prices one part. A pure function: equal parts have equal records.
  func run(unit: Int) throws(SimulationError) -> SimulatedRecords
}

/// Records of a part of a cell; as the engine's, with origin `modelled`.
public struct SimulatedRecords: Sendable {
  public var batches: [BatchRecord] = []
  public var ranks: [RankRecord] = []
  public var requests: [RequestRecord] = []
  public var iterations: [IterationRecord] = []
  public var serving: [ServingRecord] = []

  public init() {}
}
