/// Walks JSON text to find where a value stands; used for error messages only.
///
/// Lenient about what `JSONDecoder` has already accepted; every step moves forward or gives up, so
/// it ends on any input. Nesting is followed with a counter, not by recursion.
struct JSONScanner {
  private let bytes: [UInt8]
  private var position = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Line of the value, or of the deepest existing value on the way to it.
  mutating func line(of steps: [JSONStep]) -> Int {
    position = 0
    skipSpace()
    var deepest = position
    for step in steps {
      guard enter(step) else { break }
      deepest = position
    }
    return lineNumber(at: deepest)
  }

  /// The bytes of the value, if it exists.
  mutating func range(of steps: [JSONStep]) -> Range<Int>? {
    position = 0
    skipSpace()
    for step in steps {
      guard enter(step) else { return nil }
    }
    let start = position
    guard skipValue() else { return nil }
    return start..<position
  }

  /// The line where a reading of brackets, commas and scalars first fails; nil when it does not.
  ///
  /// Catches what a lenient decoder lets pass, such as a comma before a closing bracket.
  mutating func lineOfFirstSyntaxError() -> Int? {
    position = 0
    var open: [UInt8] = []
    var expectsValue = true
    var afterComma = false
    repeat {
      skipSpace()
      guard let byte = current else { return lineNumber(at: max(0, bytes.count - 1)) }
      let start = position
      switch byte {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard expectsValue else { return lineNumber(at: start) }
        open.append(byte + 2)  // the closing bracket in ASCII
        position += 1
        afterComma = false
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        guard !afterComma, open.popLast() == byte else { return lineNumber(at: start) }
        position += 1
        expectsValue = false
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        guard !expectsValue, !open.isEmpty else { return lineNumber(at: start) }
        position += 1
        (expectsValue, afterComma) = (true, true)
      default:
        guard expectsValue, skipValue(), isScalar(start..<position) else {
          return lineNumber(at: start)
        }
        (expectsValue, afterComma) = (false, false)
      }
    } while !open.isEmpty
    skipSpace()
    return position < bytes.count ? lineNumber(at: position) : nil
  }

  private func isScalar(_ range: Range<Int>) -> Bool {
    let text = String(decoding: bytes[range], as: UTF8.self)
    return text.hasPrefix("\"") || ["true", "false", "null"].contains(text) || Double(text) != nil
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func lineNumber(at end: Int) -> Int {
    bytes[..<min(end, bytes.count)].reduce(1) { $1 == 10 ? $0 + 1 : $0 }
  }

  private mutating func skipSpace() {
    while let byte = current, byte == 32 || byte == 9 || byte == 10 || byte == 13 { position += 1 }
  }

  /// Moves from a container's bracket to the start of the value `step` names.
  private mutating func enter(_ step: JSONStep) -> Bool {
    let saved = position
    switch (step, current) {
    case (.key(let name), UInt8(ascii: "{")):
      position += 1
      while let key = readKey() {
        if key == name { return true }
        guard skipValue(), skipComma() else { break }
      }
    case (.index(let wanted), UInt8(ascii: "[")):
      position += 1
      skipSpace()
      var index = 0
      while let byte = current, byte != UInt8(ascii: "]") {
        if index == wanted { return true }
        guard skipValue(), skipComma() else { break }
        index += 1
      }
    default: break
    }
    position = saved
    return false
  }

  /// Reads `"key" :` and stops at the value; keys are compared without unescaping.
  private mutating func readKey() -> String? {
    skipSpace()
    guard current == UInt8(ascii: "\"") else { return nil }
    let start = position + 1
    guard skipString() else { return nil }
    let key = String(decoding: bytes[start..<(position - 1)], as: UTF8.self)
    skipSpace()
    guard current == UInt8(ascii: ":") else { return nil }
    position += 1
    skipSpace()
    return key
  }

  private mutating func skipComma() -> Bool {
    skipSpace()
    guard current == UInt8(ascii: ",") else { return false }
    position += 1
    skipSpace()
    return true
  }

  private mutating func skipString() -> Bool {
    position += 1
    while let byte = current {
      position += byte == UInt8(ascii: "\\") ? 2 : 1
      if byte == UInt8(ascii: "\"") { return true }
    }
    position = min(position, bytes.count)
    return false
  }

  private mutating func skipValue() -> Bool {
    var depth = 0
    repeat {
      skipSpace()
      guard let byte = current else { return false }
      switch byte {
      case UInt8(ascii: "\""):
        guard skipString() else { return false }
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        guard depth > 0 else { return false }
        depth -= 1
        position += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        guard depth > 0 else { return false }
        position += 1
      default:
        while let next = current, !Self.ends.contains(next) { position += 1 }
      }
    } while depth > 0
    return true
  }

  private static let ends = Set(Array(" \t\n\r,:]}[{\"".utf8))
}
