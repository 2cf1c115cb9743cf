/// Formats a magnitude with three significant digits under the fitting prefix.
enum PrefixedNumber {
  static let decimal = ["", "k", "M", "G", "T", "P", "E"]
  static let binary = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]

  /// The scaled number and its prefix: (12.3e6, 1000) → ("12.3", "M"); rounding up to the base
  /// moves on to the next prefix.
  static func split(_ value: Double, base: Double, prefixes: [String]) -> (String, String) {
    guard value.isFinite else { return (value.fixed(0), "") }
    var (scaled, step) = (value, 0)
    while step + 1 < prefixes.count, scaled.magnitude >= base - roundingMargin(base) {
      scaled /= base
      step += 1
    }
    if step == 0, scaled == scaled.rounded() { return (scaled.fixed(0), "") }
    return (scaled.significant(3), prefixes[step])
  }

  /// What rounds up to `base` with the digits shown (999.5 shows as 1000).
  private static func roundingMargin(_ base: Double) -> Double { 0.5 }
}

/// A size in bytes, shown in binary units: `1.25 GiB`, `512 B`.
public struct Bytes: Quantity {
  public var count: Int
  public init(_ count: Int) { self.count = count }
  public var magnitude: Double { Double(count) }
  public init(magnitude: Double) { count = Int(exactly: magnitude.rounded()) ?? .max }
  public var description: String {
    let (number, prefix) = PrefixedNumber.split(
      Double(count), base: 1024, prefixes: PrefixedNumber.binary)
    return "\(number) \(prefix)B"
  }
  // Exact, where the default through Double would round above 2^53.
  public init(from decoder: any Decoder) throws {
    count = try decoder.singleValueContainer().decode(Int.self)
  }
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(count)
  }
  public static func < (a: Bytes, b: Bytes) -> Bool { a.count < b.count }
}

/// A duration in seconds, shown as `12.3 ms`, `450 µs`, `2.50 s`, `3 min 07 s`.
public struct Seconds: Quantity {
  public var value: Double
  public init(_ value: Double) { self.value = value }
  public init(magnitude: Double) { value = magnitude }
  public var magnitude: Double { value }
  public var description: String {
    let size = value.magnitude
    guard size.isFinite else { return "\(value.fixed(0)) s" }
    if size == 0 { return "0 s" }
    if size < 999.5e-9 { return "\((value * 1e9).significant(3)) ns" }
    if size < 999.5e-6 { return "\((value * 1e6).significant(3)) µs" }
    if size < 0.9995 { return "\((value * 1e3).significant(3)) ms" }
    if size < 99.95 { return "\(value.significant(3)) s" }
    guard size < 1e15 else { return "\(value) s" }
    let total = Int(size.rounded())
    let sign = value < 0 ? "-" : ""
    let (minutes, seconds) = (total / 60, total % 60)
    func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
    if minutes < 60 { return "\(sign)\(minutes) min \(two(seconds)) s" }
    return "\(sign)\(minutes / 60) h \(two(minutes % 60)) min"
  }
}

/// A plain number of things, shown with a decimal suffix: `4.10k`, `32.8G`.
public struct Count: Quantity {
  public var value: Double
  public init(_ value: Double) { self.value = value }
  public init(magnitude: Double) { value = magnitude }
  public var magnitude: Double { value }
  public var description: String { decimalText(value) }
}

/// Tokens per second, shown as `4.10k tok/s`.
public struct TokenRate: Quantity {
  public var perSecond: Double
  public init(_ perSecond: Double) { self.perSecond = perSecond }
  public init(magnitude: Double) { perSecond = magnitude }
  public var magnitude: Double { perSecond }
  public var description: String { "\(decimalText(perSecond)) tok/s" }
}

/// Bytes per second in decimal units: `12.3 GB/s`.
public struct Bandwidth: Quantity {
  public var bytesPerSecond: Double
  public init(_ bytesPerSecond: Double) { self.bytesPerSecond = bytesPerSecond }
  public init(magnitude: Double) { bytesPerSecond = magnitude }
  public var magnitude: Double { bytesPerSecond }
  public var description: String { prefixedText(bytesPerSecond, unit: "B/s") }
}

/// Floating-point operations per second: `103 GFLOP/s`.
public struct FLOPRate: Quantity {
  public var perSecond: Double
  public init(_ perSecond: Double) { self.perSecond = perSecond }
  public init(magnitude: Double) { perSecond = magnitude }
  public var magnitude: Double { perSecond }
  public var description: String { prefixedText(perSecond, unit: "FLOP/s") }
}

/// A share of one, shown in per cent with one decimal: `49.8 %`.
public struct Percentage: Quantity {
  public var fraction: Double
  public init(_ fraction: Double) { self.fraction = fraction }
  public init(magnitude: Double) { fraction = magnitude }
  public var magnitude: Double { fraction }
  public var description: String { "\((fraction * 100).fixed(1)) %" }
}

private func decimalText(_ value: Double) -> String {
  let (number, prefix) = PrefixedNumber.split(value, base: 1000, prefixes: PrefixedNumber.decimal)
  return number + prefix
}

private func prefixedText(_ value: Double, unit: String) -> String {
  let (number, prefix) = PrefixedNumber.split(value, base: 1000, prefixes: PrefixedNumber.decimal)
  return "\(number) \(prefix)\(unit)"
}
