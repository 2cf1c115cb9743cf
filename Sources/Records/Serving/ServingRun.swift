/// Which run of a serving job a record belongs to.
public struct ServingRun: Hashable, Sendable, Codable {
  /// Identifier of the cell.
  public var cell: String
  public var layout: String
  /// `ServingSystem`, such as `in-flight+prefix-cache`.
  public var system: String
  /// `ArrivalProcess`, such as `poisson:4`.
  public var load: String
  public var repeatIndex: Int
  public var origin: Origin
  /// True when more ranks than usable cores were running: times are not to be trusted.
  public var oversubscribed: Bool

  public init(
    cell: String, layout: String, system: String, load: String, repeatIndex: Int, origin: Origin,
    oversubscribed: Bool
  ) {
    self.cell = cell
    self.layout = layout
    self.system = system
    self.load = load
    self.repeatIndex = repeatIndex
    self.origin = origin
    self.oversubscribed = oversubscribed
  }

  enum CodingKeys: String, CodingKey {
    case cell, layout, system, load
    case repeatIndex = "repeat"
    case origin, oversubscribed
  }
}
