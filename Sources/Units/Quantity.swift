/// A number with a unit: ordered by size, stored as the bare number, shown for people.
public protocol Quantity: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// The number in the type's base unit (bytes, seconds, tokens per second, …).
  var magnitude: Double { get }
  init(magnitude: Double)
}

extension Quantity {
  public static func < (a: Self, b: Self) -> Bool { a.magnitude < b.magnitude }

  public init(from decoder: any Decoder) throws {
    self.init(magnitude: try decoder.singleValueContainer().decode(Double.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(magnitude)
  }
}
