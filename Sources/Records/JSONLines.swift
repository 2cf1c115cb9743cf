import FoundationEssentials
import Glibc

/// JSON as padtax writes it: sorted keys, no escaped slashes, one object per line.
public enum JSONText {
  public static func line(_ value: some Encodable) throws(RecordError) -> String {
    try encode(value, [.sortedKeys, .withoutEscapingSlashes])
  }

  public static func pretty(_ value: some Encodable) throws(RecordError) -> String {
    try encode(value, [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]) + "\n"
  }

  public static func decode<Value: Decodable>(
    _ type: Value.Type, from text: some StringProtocol, source: String
  ) throws(RecordError) -> Value {
    do {
      return try JSONDecoder().decode(type, from: Data(text.utf8))
    } catch {
      throw RecordError("\(source): not a \(type): \(explain(error))")
    }
  }

  private static func encode(
    _ value: some Encodable, _ format: JSONEncoder.OutputFormatting
  ) throws(RecordError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = format
    do {
      return String(decoding: try encoder.encode(value), as: UTF8.self)
    } catch {
      throw RecordError("cannot write \(type(of: value)) as JSON: \(explain(error))")
    }
  }

  private static func explain(_ error: any Error) -> String {
    guard let error = error as? DecodingError else { return "\(error)" }
    switch error {
    case .keyNotFound(let key, _): return "key '\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .dataCorrupted(let context):
      let path = context.codingPath.map(\.stringValue).joined(separator: ".")
      return path.isEmpty ? context.debugDescription : "\(path): \(context.debugDescription)"
    @unknown default: return "\(error)"
    }
  }
}

/// Appends records to a file, one JSON object per line with a checksum (`RecordLine`), each with one
/// write call, so that a killed process leaves at most one torn line.
public final class JSONLinesWriter {
  private let descriptor: Int32
  private let path: String

  /// Creates or empties the file.
  public init(path: String) throws(RecordError) {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw AtomicFile.failure("create", path) }
  }

  deinit { close(descriptor) }

  /// Waits until the disk has what was appended: before a marker says that the file is whole.
  public func synchronize() throws(RecordError) {
    guard fsync(descriptor) == 0 else { throw AtomicFile.failure("finish", path) }
  }

  public func append(_ record: some Record) throws(RecordError) {
    try append(lines: Self.line(record))
  }

  /// A record as `append` writes it.
  public static func line(_ record: some Record) throws(RecordError) -> [UInt8] {
    Array((RecordLine.sealed(try JSONText.line(record)) + "\n").utf8)
  }

  /// Appends whole lines that `line` made, with one write.
  public func append(lines bytes: [UInt8]) throws(RecordError) {
    let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, bytes.count) }
    guard written == bytes.count else { throw AtomicFile.failure("append to", path) }
  }
}

/// Reads what `JSONLinesWriter` wrote, line by line: a file may be larger than the memory.
public enum JSONLines {
  /// Records of one schema, in order; lines of other schemas are passed over.
  ///
  /// A last line without its end is dropped: its writer was stopped. `warning` gets a sentence
  /// about it.
  /// - Throws: `RecordError` with file and line when a whole line cannot be read.
  public static func read<Value: Record>(
    _ type: Value.Type, path: String, warning: (String) -> Void = { _ in }
  ) throws(RecordError) -> [Value] {
    var records: [Value] = []
    try forEach(path: path, warning: warning) { line throws(RecordError) in
      if let record = try line.record(type) { records.append(record) }
    }
    return records
  }

  /// Hands every whole line that is not empty to `body`, in order.
  /// - Parameter part: of the file, the whole of it by default.
  /// - Throws: `RecordError` with file and line for a damaged line; what `body` throws.
  package static func forEach(
    path: String, part: FilePart = FilePart(), warning: (String) -> Void = { _ in },
    _ body: (inout RecordText) throws(RecordError) -> Void
  ) throws(RecordError) {
    let reader = try LineReader(path: path, bytes: part.bytes, firstLine: part.firstLine)
    var text = RecordText(path: path)
    while let line = try reader.next() {
      guard !line.isEmpty else { continue }
      try text.set(line, number: reader.number, offset: reader.offset)
      try body(&text)
    }
    if reader.isTorn {
      warning("\(path):\(reader.number + 1): the last line is torn and was dropped")
    }
  }
}

/// Lines of a file that follow each other.
package struct FilePart: Hashable, Sendable {
  package var bytes: Range<Int>
  /// Number of its first line, from 1.
  package var firstLine: Int

  package init(bytes: Range<Int> = 0..<Int.max, firstLine: Int = 1) {
    self.bytes = bytes
    self.firstLine = firstLine
  }
}
