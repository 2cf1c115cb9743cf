/// A JSON value parsed without any leniency: duplicate names are refused, numbers keep their text.
///
/// Foundation's decoder keeps one of two equal names silently; a header with two tensors of one name
/// must be an error, so headers and indices are read with this parser.
indirect enum StrictJSON {
  case object([(name: String, value: StrictJSON)])
  case array([StrictJSON])
  case string(String)
  case number(String)
  case bool(Bool)
  case null

  /// Why the text is not JSON, and where.
  struct Failure: Error {
    let offset: Int
    let message: String
    /// The member of the outermost object that the text is in or, being a duplicate, is.
    var member: String? = nil
    /// The name that occurs twice, when that is the reason.
    var duplicate: String? = nil
  }

  /// The value as a whole number from 0 that fits `Int`; nil for anything else (-1, 1.0, 1e3, 2^63).
  var wholeNumber: Int? {
    guard case .number(let text) = self, text.utf8.allSatisfy({ (48...57).contains($0) }) else {
      return nil
    }
    return Int(text)
  }

  /// A short text for error messages.
  var summary: String {
    switch self {
    case .object: "an object"
    case .array(let values): "a list of \(values.count)"
    case .string(let text): "\"\(text.prefix(40))\""
    case .number(let text): String(text.prefix(40))
    case .bool(let value): "\(value)"
    case .null: "null"
    }
  }
}

extension StrictJSON {
  /// Parses one value with white space around it, in time linear in the text.
  static func parse(_ bytes: UnsafeRawBufferPointer) throws(Failure) -> StrictJSON {
    var parser = StrictJSONParser(bytes: bytes)
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    guard parser.position == bytes.count else {
      throw Failure(offset: parser.position, message: "text after the end of the JSON value")
    }
    return value
  }
}

/// Recursive descent over UTF-8 bytes; nesting is limited so that no input exhausts the stack.
private struct StrictJSONParser {
  let bytes: UnsafeRawBufferPointer
  var position = 0
  /// Name of the outermost object's member that is being parsed.
  var member: String?
  static let deepest = 32

  typealias Failure = StrictJSON.Failure

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  func failure(_ message: String) -> Failure {
    Failure(offset: position, message: message, member: member)
  }

  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  mutating func take(word: StaticString) -> Bool {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.count else { return false }
    for index in 0..<word.utf8CodeUnitCount
    where bytes[position + index] != word.utf8Start[index] {
      return false
    }
    position = end
    return true
  }

  mutating func value(depth: Int) throws(Failure) -> StrictJSON {
    guard depth < Self.deepest else {
      throw failure("nested deeper than \(Self.deepest) levels")
    }
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
      return .number(try number())
    default: break
    }
    if take(word: "true") { return .bool(true) }
    if take(word: "false") { return .bool(false) }
    if take(word: "null") { return .null }
    throw failure(current == nil ? "the text ends inside the JSON value" : "a value is expected")
  }

  mutating func object(depth: Int) throws(Failure) -> StrictJSON {
    position += 1
    var members: [(name: String, value: StrictJSON)] = []
    var names: Set<String> = []
    skipSpace()
    if take("}") { return .object(members) }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw failure("a name in quotes is expected") }
      let start = position
      let name = try string()
      guard names.insert(name).inserted else {
        throw Failure(
          offset: start, message: "the name \"\(name)\" occurs twice", member: member ?? name,
          duplicate: name)
      }
      skipSpace()
      guard take(":") else { throw failure("':' is expected") }
      if depth == 0 { member = name }
      members.append((name, try value(depth: depth + 1)))
      if depth == 0 { member = nil }
      skipSpace()
      if take("}") { return .object(members) }
      guard take(",") else { throw failure("',' or '}' is expected") }
    }
  }

  mutating func array(depth: Int) throws(Failure) -> StrictJSON {
    position += 1
    var values: [StrictJSON] = []
    skipSpace()
    if take("]") { return .array(values) }
    while true {
      values.append(try value(depth: depth + 1))
      skipSpace()
      if take("]") { return .array(values) }
      guard take(",") else { throw failure("',' or ']' is expected") }
    }
  }

  mutating func digits() throws(Failure) {
    let start = position
    while let byte = current, (48...57).contains(byte) { position += 1 }
    guard position > start else { throw failure("a digit is expected") }
  }

  mutating func number() throws(Failure) -> String {
    let start = position
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  mutating func string() throws(Failure) -> String {
    position += 1
    var content: [UInt8] = []
    while let byte = current {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: content, as: UTF8.self) else {
          throw failure("a string is not valid UTF-8")
        }
        return text
      case UInt8(ascii: "\\"):
        content.append(contentsOf: Array(String(try escape()).utf8))
      case 0..<0x20:
        throw failure("a control character in a string")
      default:
        content.append(byte)
      }
    }
    throw failure("the text ends inside a string")
  }

  mutating func escape() throws(Failure) -> Character {
    guard let byte = current else { throw failure("the text ends inside a string") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): return try unicodeEscape()
    default: throw failure("an unknown escape in a string")
    }
  }

  mutating func unicodeEscape() throws(Failure) -> Character {
    var code = try hexadecimal()
    if (0xD800..<0xDC00).contains(code) {
      guard take("\\"), take("u") else { throw failure("half of a surrogate pair") }
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low) else { throw failure("half of a surrogate pair") }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
    }
    guard let scalar = Unicode.Scalar(code) else { throw failure("half of a surrogate pair") }
    return Character(scalar)
  }

  mutating func hexadecimal() throws(Failure) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("four hexadecimal digits are expected")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}
