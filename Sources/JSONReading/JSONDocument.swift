import FoundationEssentials

/// What was wrong in a JSON file, and where.
public struct JSONProblem: Error, Hashable, Sendable, CustomStringConvertible {
  public let path: String
  public let line: Int?
  public let message: String

  public init(path: String, line: Int?, message: String) {
    self.path = path
    self.line = line
    self.message = message
  }

  public var description: String {
    line.map { "\(path):\($0): \(message)" } ?? "\(path): \(message)"
  }
}

/// One step from a JSON value to one inside it.
public enum JSONStep: Hashable, Sendable {
  case key(String)
  case index(Int)
}

/// The bytes of one JSON file with its name, decoded by `JSONDecoder`, located by line.
public struct JSONDocument: Sendable {
  public let bytes: [UInt8]
  public let path: String

  public init(bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
  }

  /// Reads a whole file; throws with the path when it is not a readable regular file.
  public init(contentsOf path: String) throws(JSONProblem) {
    self.init(bytes: try Self.read(path), path: path)
  }

  /// The bytes of a file of any format.
  public static func read(_ path: String) throws(JSONProblem) -> [UInt8] {
    do {
      return [UInt8](try Data(contentsOf: URL(filePath: path)))
    } catch {
      let files = FileManager.default
      var isFolder = false
      let reason =
        if !files.fileExists(atPath: path, isDirectory: &isFolder) {
          "no such file"
        } else if isFolder {
          "is a folder, not a file"
        } else {
          "cannot be read"
        }
      throw JSONProblem(path: path, line: nil, message: reason)
    }
  }

  /// Decodes the whole document; errors name line and key path, and say what was found.
  public func decode<Value: Decodable>(_ type: Value.Type) throws(JSONProblem) -> Value {
    var scanner = JSONScanner(bytes: bytes)
    if let line = scanner.lineOfFirstSyntaxError() {
      throw JSONProblem(path: path, line: line, message: Self.notJSON)
    }
    do {
      return try JSONDecoder().decode(type, from: Data(bytes))
    } catch let error as DecodingError {
      throw problem(error)
    } catch {
      throw JSONProblem(path: path, line: nil, message: "cannot be decoded: \(error)")
    }
  }

  /// A problem at the value `steps` lead to, or at the deepest value on that way that exists.
  public func problem(at steps: [JSONStep], _ message: String) -> JSONProblem {
    JSONProblem(path: path, line: line(of: steps), message: message)
  }

  /// The line (from 1) of the value `steps` lead to, or of the deepest existing one on the way.
  public func line(of steps: [JSONStep]) -> Int {
    var scanner = JSONScanner(bytes: bytes)
    return scanner.line(of: steps)
  }

  /// Whether the document has a value (null included) at `steps`.
  public func contains(_ steps: [JSONStep]) -> Bool {
    var scanner = JSONScanner(bytes: bytes)
    return scanner.range(of: steps) != nil
  }

  private func problem(_ error: DecodingError) -> JSONProblem {
    switch error {
    case .typeMismatch(let type, let context):
      let place = steps(context.codingPath)
      let expected = Self.expectation(type)
      let found = found(at: place).map { ", found \($0)" } ?? ""
      return problem(at: place, "\(Self.name(place)) must be \(expected)\(found)")
    case .valueNotFound(let type, let context):
      let place = steps(context.codingPath)
      return problem(at: place, "\(Self.name(place)) must be \(Self.expectation(type)), found null")
    case .keyNotFound(let key, let context):
      let place = steps(context.codingPath)
      let inside = place.isEmpty ? "" : " in \(Self.name(place))"
      return problem(at: place, "key '\(key.stringValue)' is missing\(inside)")
    case .dataCorrupted(let context):
      let place = steps(context.codingPath)
      // The decoder reports its own failures at the root and without a place.
      guard !place.isEmpty else {
        return JSONProblem(
          path: path, line: nil, message: "\(Self.notJSON), or has a number out of range")
      }
      if context.debugDescription == JSONInteger.expectation, let text = found(at: place) {
        return problem(at: place, "\(Self.name(place)) must be an integer, found \(text)")
      }
      return problem(at: place, context.debugDescription)
    @unknown default:
      return JSONProblem(path: path, line: nil, message: "cannot be decoded: \(error)")
    }
  }

  /// The message for text that is not JSON.
  public static let notJSON = "is not valid JSON"

  private func steps(_ path: [any CodingKey]) -> [JSONStep] {
    path.map { key in key.intValue.map { .index($0) } ?? .key(key.stringValue) }
  }

  /// The source text of a short value, or the kind of a long one.
  private func found(at steps: [JSONStep]) -> String? {
    var scanner = JSONScanner(bytes: bytes)
    guard let range = scanner.range(of: steps), let first = bytes[range].first else { return nil }
    if first == UInt8(ascii: "{") { return "an object" }
    if first == UInt8(ascii: "[") { return "a list" }
    let text = String(decoding: bytes[range].prefix(40), as: UTF8.self)
    return range.count > 40 ? text + "…" : text
  }

  /// `batches[3].lengths[2]`, or "the document" for the root.
  public static func name(_ steps: [JSONStep]) -> String {
    var text = ""
    for step in steps {
      switch step {
      case .key(let key): text += text.isEmpty ? key : ".\(key)"
      case .index(let index): text += "[\(index)]"
      }
    }
    return text.isEmpty ? "the document" : text
  }

  private static func expectation(_ type: any Any.Type) -> String {
    let text = "\(type)"
    if type == Bool.self { return "true or false" }
    if type == String.self { return "a string" }
    if type == Int.self || type == Int32.self { return "an integer" }
    if type == Double.self { return "a number" }
    return text.hasPrefix("Array") ? "a list" : "an object"
  }
}
