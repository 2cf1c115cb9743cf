extension Double {
  /// The value with exactly `decimals` digits after the point, as C's `%.*f` prints it.
  ///
  /// Rounds the exact binary value, ties to even. `decimals` is 0...15. Values of 2^53 and more are
  /// whole numbers and print their digits up to 9.2e18, above that Swift's shortest form; NaN and
  /// infinities print `nan`, `inf`, `-inf`.
  public func fixed(_ decimals: Int) -> String {
    precondition((0...15).contains(decimals), "fixed(_:) prints 0 to 15 decimals")
    guard isFinite else { return isNaN ? "nan" : (self < 0 ? "-inf" : "inf") }
    let sign = self.sign == .minus ? "-" : ""
    guard magnitude < 9.2e18 else { return description }
    var whole = UInt64(magnitude)
    let fraction = magnitude - Double(whole)
    guard fraction > 0 || decimals > 0 else { return sign + String(whole) }
    var power: UInt64 = 1
    for _ in 0..<decimals { power *= 10 }
    // The product's rounding error, exact by fused multiply-add, decides what lies near a tie.
    let scale = Double(power)
    let product = fraction * scale
    let error = (-product).addingProduct(fraction, scale)
    var digits = UInt64(product)
    let rest = (product - Double(digits)) - 0.5
    let excess = rest + error
    if excess > 0 || (excess == 0 && (decimals == 0 ? whole : digits) % 2 == 1) { digits += 1 }
    if digits == power {
      whole += 1
      digits = 0
    }
    guard decimals > 0 else { return sign + String(whole) }
    let tail = String(digits)
    return sign + String(whole) + "." + String(repeating: "0", count: decimals - tail.utf8.count)
      + tail
  }

  /// The value with about `digits` significant digits and no exponent: 12.3, 0.0123, 1230.
  public func significant(_ digits: Int) -> String {
    precondition((1...15).contains(digits), "significant(_:) prints 1 to 15 digits")
    guard isFinite, self != 0 else { return fixed(0) }
    var exponent = 0
    var probe = magnitude
    while probe >= 10, exponent < 308 {
      probe /= 10
      exponent += 1
    }
    while probe < 1, exponent > -308 {
      probe *= 10
      exponent -= 1
    }
    let decimals = Swift.min(15, Swift.max(0, digits - 1 - exponent))
    // Rounding may reach the next power of ten (9.996 → 10.00): then one decimal fewer is shown.
    var limit = 1.0
    for _ in 0..<Swift.max(0, exponent + 1) { limit *= 10 }
    for _ in 0..<Swift.max(0, -exponent - 1) { limit /= 10 }
    let text = fixed(decimals)
    let reached = Double(text).map { $0.magnitude >= limit * (1 - 1e-12) } ?? false
    return decimals > 0 && reached ? fixed(decimals - 1) : text
  }
}

extension Int {
  /// The digits in groups of three: `32,763,876,352`.
  public var grouped: String {
    var groups: [Substring] = []
    var rest = Substring(String(magnitude))
    while rest.utf8.count > 3 {
      groups.append(rest.suffix(3))
      rest = rest.dropLast(3)
    }
    groups.append(rest)
    return (self < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
  }
}

/// On which side of a fixed-width column the text stands.
public enum ColumnAlignment: Sendable, Hashable {
  case leading
  case trailing
}

extension String {
  /// The text filled up with spaces to `width` characters; longer text stays as it is.
  public func padded(to width: Int, alignment: ColumnAlignment = .trailing) -> String {
    let missing = width - count
    guard missing > 0 else { return self }
    let spaces = String(repeating: " ", count: missing)
    return alignment == .leading ? self + spaces : spaces + self
  }
}
