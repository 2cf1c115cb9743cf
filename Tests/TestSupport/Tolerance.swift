/// How far two lists of numbers are apart.
public struct Difference: Sendable, CustomStringConvertible {
  /// Largest |found - wanted|; infinity for a NaN or for lists of different length.
  public let largest: Float
  /// The largest difference over the largest |wanted|.
  public let relative: Float
  /// Where the largest difference is; nil for equal or incomparable lists.
  public let index: Int?
  public let description: String

  public init(_ found: [Float], _ wanted: [Float]) {
    guard found.count == wanted.count else {
      largest = .infinity
      relative = .infinity
      index = nil
      description = "\(found.count) numbers, wanted \(wanted.count)"
      return
    }
    var worst: Float = 0
    var place: Int?
    for i in found.indices where found[i] != wanted[i] {
      let distance = abs(found[i] - wanted[i])
      let size = distance.isNaN ? Float.infinity : distance
      if size > worst {
        worst = size
        place = i
      }
    }
    let scale = wanted.reduce(0) { max($0, abs($1)) }
    largest = worst
    relative = worst == 0 ? 0 : worst / scale
    index = place
    description =
      place.map { "at \($0): \(found[$0]), wanted \(wanted[$0])" } ?? "equal"
  }

  /// True when the largest difference is at most `absolute`, or at most `relative` of the largest
  /// wanted value.
  public func isWithin(relative: Float = 0, absolute: Float = 0) -> Bool {
    largest <= absolute || self.relative <= relative
  }
}
