import Glibc

/// Reads the JSON that padtax itself writes, byte by byte in the order in which it was written: keys
/// sorted, no blanks. Each step is nil or false where the text is another; then a JSON decoder has to
/// say whether it is JSON at all.
struct OwnForm {
  private var at: UnsafePointer<UInt8>
  private let end: UnsafePointer<UInt8>

  /// - Parameter line: followed in memory by a byte that belongs to no number.
  init?(_ line: UnsafeRawBufferPointer) {
    guard let base = line.baseAddress else { return nil }
    at = base.assumingMemoryBound(to: UInt8.self)
    end = at + line.count
  }

  var isAtEnd: Bool { at == end }

  mutating func literal(_ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard end - at >= count, memcmp(at, text.utf8Start, count) == 0 else { return false }
    at += count
    return true
  }

  /// A whole number that is written as one.
  mutating func integer() -> Int? {
    var place = at
    let isNegative = place < end && place.pointee == UInt8(ascii: "-")
    if isNegative { place += 1 }
    let first = place
    var value = 0
    while place < end, case let digit = Int(place.pointee) - 0x30, 0...9 ~= digit {
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, tooLargeToo) = product.addingReportingOverflow(digit)
      guard !tooLarge, !tooLargeToo else { return nil }
      value = sum
      place += 1
    }
    guard place > first, place - first == 1 || first.pointee != 0x30,
      place == end || !Self.belongsToNumber(place.pointee)
    else { return nil }
    at = place
    return isNegative ? -value : value
  }

  /// A finite number, correctly rounded.
  mutating func number() -> Double? {
    var place = at
    let isNegative = place < end && place.pointee == UInt8(ascii: "-")
    if isNegative { place += 1 }
    var mantissa: UInt64 = 0
    var digits = 0
    func skipDigits() -> Bool {
      let first = place
      while place < end, case let digit = place.pointee &- 0x30, digit <= 9 {
        mantissa = mantissa &* 10 &+ UInt64(digit)
        if mantissa > 0 { digits += 1 }
        place += 1
      }
      return place > first
    }
    let whole = place
    guard skipDigits(), place - whole == 1 || whole.pointee != 0x30 else { return nil }
    var exponent = 0
    if place < end, place.pointee == UInt8(ascii: ".") {
      place += 1
      let first = place
      guard skipDigits() else { return nil }
      exponent = first - place
    }
    if place < end, place.pointee | 0x20 == UInt8(ascii: "e") {
      place += 1
      let isDown = place < end && place.pointee == UInt8(ascii: "-")
      if isDown || place < end && place.pointee == UInt8(ascii: "+") { place += 1 }
      let first = place
      var value = 0
      while place < end, case let digit = place.pointee &- 0x30, digit <= 9 {
        value = min(value * 10 + Int(digit), 10_000)
        place += 1
      }
      guard place > first else { return nil }
      exponent += isDown ? -value : value
    }
    guard place == end || !Self.belongsToNumber(place.pointee) else { return nil }
    let start = at
    at = place
    // Both the digits and the power of ten are exact, so that one operation rounds once (Clinger,
    // "How to read floating point numbers accurately", 1990).
    if digits <= 19, mantissa <= 1 << 53, abs(exponent) <= 22 {
      let power = Self.powers[abs(exponent)]
      let value = exponent < 0 ? Double(mantissa) / power : Double(mantissa) * power
      return isNegative ? -value : value
    }
    let value = strtod(UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self), nil)
    return value.isFinite ? value : nil
  }

  /// A string without escapes.
  mutating func text(_ recent: inout RecentText) -> String? {
    guard at < end, at.pointee == UInt8(ascii: "\""),
      let found = memchr(at + 1, 0x22, end - at - 1)
    else { return nil }
    let bytes = UnsafeRawBufferPointer(
      start: at + 1, count: UnsafeRawPointer(found) - UnsafeRawPointer(at) - 1)
    guard let text = recent.text(bytes) else { return nil }
    at += bytes.count + 2
    return text
  }

  mutating func flag() -> Bool? { literal("true") ? true : literal("false") ? false : nil }

  private static func belongsToNumber(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+")
      || byte | 0x20 == UInt8(ascii: "e") || byte &- 0x30 <= 9
  }

  private static let powers: [Double] = (0...22).map { pow(10, Double($0)) }
}

/// A string that many records have at the same place, made once for all that follow each other.
struct RecentText {
  private var text = ""

  /// The text of UTF-8 bytes between quotes; nil where something in it is escaped or not allowed.
  mutating func text(_ bytes: UnsafeRawBufferPointer) -> String? {
    if text.utf8.elementsEqual(bytes) { return text }
    guard bytes.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\\") }) else { return nil }
    text = String(decoding: bytes, as: UTF8.self)
    return text
  }
}
