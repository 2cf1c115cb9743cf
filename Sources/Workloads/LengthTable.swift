import JSONReading

/// Lengths read from a file, to draw from: an empirical distribution.
public struct LengthTable: Sendable, Hashable {
  /// The file as it was named.
  public let source: String
  /// At least one; each a possible prompt length.
  public let lengths: [Int]

  /// Throws when there are none or one is impossible.
  public init(source: String, lengths: [Int]) throws(WorkloadError) {
    guard !lengths.isEmpty else { throw WorkloadError("\(source): has no lengths") }
    for (index, length) in lengths.enumerated() {
      if let reason = Request.problem(prompt: length) {
        throw WorkloadError("\(source): length \(index): \(reason)")
      }
    }
    self.source = source
    self.lengths = lengths
  }

  /// Reads a JSON list of whole numbers, a JSON file of conversations with length fields
  /// (`RequestList.shareGPT`, empty prompts left out), or text with one length a line.
  public init(contentsOf path: String) throws(WorkloadError) {
    let bytes: [UInt8]
    do { bytes = try JSONDocument.read(path) } catch { throw WorkloadError(error) }
    try self.init(bytes: bytes, path: path)
  }

  /// The same from the file's bytes; `path` is for messages.
  public init(bytes: [UInt8], path: String) throws(WorkloadError) {
    let visible = bytes.filter { ![9, 10, 13, 32].contains($0) }.prefix(2)
    switch visible.first {
    case UInt8(ascii: "{"):
      let list = try RequestList.shareGPT(json: bytes, path: path)
      lengths = list.requests.map(\.promptLength)
    case UInt8(ascii: "[") where visible.dropFirst().first == UInt8(ascii: "{"):
      let list = try RequestList.shareGPT(json: bytes, path: path)
      lengths = list.requests.map(\.promptLength)
    case UInt8(ascii: "["):
      lengths = try Self.numbers(JSONDocument(bytes: bytes, path: path))
    default:
      lengths = try Self.lines(bytes, path)
    }
    source = path
    guard !lengths.isEmpty else { throw WorkloadError(file: path, line: 1, "has no lengths") }
  }

  private static func numbers(_ document: JSONDocument) throws(WorkloadError) -> [Int] {
    let numbers: [JSONInteger]
    do { numbers = try document.decode([JSONInteger].self) } catch { throw WorkloadError(error) }
    for (index, number) in numbers.enumerated() {
      if let reason = Request.problem(prompt: number.value) {
        throw WorkloadError(document.problem(at: [.index(index)], "[\(index)]: \(reason)"))
      }
    }
    return numbers.map(\.value)
  }

  /// One whole number a line; spaces around it and empty lines at the end are accepted.
  private static func lines(_ bytes: [UInt8], _ path: String) throws(WorkloadError) -> [Int] {
    var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
      .map { line in line.filter { ![9, 13, 32].contains($0) } }
    while lines.last?.isEmpty == true { lines.removeLast() }
    var lengths: [Int] = []
    for (index, line) in lines.enumerated() {
      let text = String(decoding: line.prefix(40), as: UTF8.self)
      let isDigits = !line.isEmpty && line.allSatisfy { $0 >= 48 && $0 <= 57 }
      guard isDigits, let length = Int(text) else {
        throw WorkloadError(
          file: path, line: index + 1,
          "expected one whole number of tokens on each line (or a JSON list), found '\(text)'")
      }
      if let reason = Request.problem(prompt: length) {
        throw WorkloadError(file: path, line: index + 1, reason)
      }
      lengths.append(length)
    }
    return lengths
  }
}
