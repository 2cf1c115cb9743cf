/// What was wrong with a quantity written as text.
public struct UnitsError: Error, Hashable, Sendable, CustomStringConvertible {
  public let message: String
  public var description: String { message }
}

/// A ratio in (0, 1] written as people write it: `1/16`, `3/4`, `1`.
public struct ScaleFactor: Sendable, Hashable, TextCodable {
  public let numerator: Int
  public let denominator: Int

  /// Largest accepted numerator or denominator; keeps products of two of them in `Int`.
  public static let limit = 1_000_000_000

  /// The reduced ratio `numerator / denominator`; throws unless 0 < ratio ≤ 1.
  public init(_ numerator: Int, over denominator: Int) throws(UnitsError) {
    guard numerator >= 1, denominator >= numerator, denominator <= Self.limit else {
      throw UnitsError(
        message: "scale \(numerator)/\(denominator) is not a ratio above 0 and at most 1 "
          + "(write it as 1/16; the largest denominator is \(Self.limit))")
    }
    var (a, b) = (numerator, denominator)
    while b != 0 { (a, b) = (b, a % b) }
    self.numerator = numerator / a
    self.denominator = denominator / a
  }

  /// Reads `1/16` or `1`; spaces, signs and decimals are errors.
  public init(parsing text: String) throws(UnitsError) {
    let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    let numbers = parts.map(Self.digits)
    switch (numbers.count, numbers.first ?? nil, numbers.last ?? nil) {
    case (1, .some(let whole), _): try self.init(whole, over: 1)
    case (2, .some(let top), .some(let bottom)): try self.init(top, over: bottom)
    default:
      throw UnitsError(message: "scale '\(text)' is not a ratio; write it as 1/16")
    }
  }

  private static func digits(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
    return Int(text)
  }

  public var value: Double { Double(numerator) / Double(denominator) }
  public var isOne: Bool { numerator == denominator }
  public var description: String {
    denominator == 1 ? "\(numerator)" : "\(numerator)/\(denominator)"
  }
}
