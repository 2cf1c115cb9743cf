/// An intact line of a file of records, valid while `JSONLines.forEach` hands it out.
package struct RecordText {
  private let path: String
  private var line = UnsafeRawBufferPointer(start: nil, count: 0)
  /// The object but for its closing brace and its checksum; nil where the line has no object.
  private var object: UnsafeRawBufferPointer?
  private var isSealed = false
  private var head: Head?
  private var texts = RankRecord.Texts()
  /// From 1.
  package private(set) var number = 0
  private var offset = 0

  init(path: String) { self.path = path }

  /// - Throws: `RecordError` when the line's checksum does not fit it.
  mutating func set(
    _ line: UnsafeRawBufferPointer, number: Int, offset: Int
  ) throws(RecordError) {
    self.line = line
    self.number = number
    self.offset = offset
    head = nil
    switch RecordLine.seal(of: line) {
    case .damaged:
      throw RecordError(
        "\(source): the line is damaged: its checksum does not fit; run the cell again "
          + "(padtax run --resume)")
    case .intact(let bytes):
      isSealed = true
      object = UnsafeRawBufferPointer(rebasing: line[..<bytes])
    case .none:
      isSealed = false
      object =
        line.last == UInt8(ascii: "}") ? UnsafeRawBufferPointer(rebasing: line.dropLast()) : nil
    }
  }

  /// `file:line`
  package var source: String { "\(path):\(number)" }

  /// The bytes of the file that the line and its end take.
  package var bytes: Range<Int> { offset..<offset + line.count + 1 }

  /// The record, nil when the line is of another schema.
  /// - Throws: `RecordError` when the line is no record, or one of another version.
  package mutating func record<Value: Record>(_ type: Value.Type) throws(RecordError) -> Value? {
    if type == RankRecord.self, let record = ownForm { return record as? Value }
    // A checksum that fits says that padtax wrote the line: then its key `schema` stands like this.
    if isSealed, !contains("\"schema\":\"\(Value.schemaName)\"") { return nil }
    let head = try readHead()
    guard head.schema == Value.schemaName else { return nil }
    guard head.version == Value.schemaVersion else {
      throw RecordError(
        "\(source): \(head.schema) version \(head.version); this padtax reads version "
          + "\(Value.schemaVersion)")
    }
    return try JSONText.decode(type, from: string, source: source)
  }

  /// Name of the schema that the line says it has.
  /// - Throws: `RecordError` when the line is no record.
  package mutating func schema() throws(RecordError) -> String { try readHead().schema }

  private mutating func readHead() throws(RecordError) -> Head {
    if let head { return head }
    let read = try JSONText.decode(Head.self, from: string, source: source)
    head = read
    return read
  }

  private var string: String { String(decoding: line, as: UTF8.self) }

  /// The record of a rank's phase where the line has it as padtax writes it.
  private var ownForm: RankRecord? {
    mutating get { object.flatMap { RankRecord(ownForm: $0, &texts) } }
  }

  /// Appends the line without its checksum, with its end, when it is a rank's phase as padtax writes
  /// it.
  /// - Returns: false when it is none or has another form; then nothing is appended.
  package mutating func copyRankRecord(to bytes: inout [UInt8]) -> Bool {
    guard let object, ownForm != nil else { return false }
    bytes.append(contentsOf: object)
    bytes.append(UInt8(ascii: "}"))
    bytes.append(UInt8(ascii: "\n"))
    return true
  }

  private func contains(_ text: String) -> Bool {
    guard let first = text.utf8.first else { return true }
    var rest = line[...]
    while let found = rest.firstIndex(of: first) {
      if rest[found...].starts(with: text.utf8) { return true }
      rest = rest[(found + 1)...]
    }
    return false
  }

  private struct Head: Decodable {
    var schema: String
    var version: Int
  }
}
