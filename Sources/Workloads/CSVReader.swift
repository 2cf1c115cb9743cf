/// A strict reader of plain comma-separated fields: a header, no quoting, lines by number.
///
/// Fields of the request traces are digits, timestamps and plain words. A quote anywhere is an error,
/// not a guess.
struct CSVReader {
  struct Row {
    let line: Int
    let fields: [Substring]
  }

  let path: String
  /// The names in the first line.
  let header: [String]
  let rows: [Row]

  /// Splits the bytes into rows of as many fields as the first line has.
  init(bytes: [UInt8], path: String) throws(WorkloadError) {
    self.path = path
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw WorkloadError(file: path, "is not UTF-8 text")
    }
    var rows: [Row] = []
    var header: [String] = []
    // Lines by byte: a CR LF pair is one Character, so splitting by "\n" would miss it.
    var lines = text.utf8.split(separator: 10, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    for (index, raw) in lines.enumerated() {
      let body = raw.last == 13 ? raw.dropLast() : raw
      let line = index + 1
      guard !body.contains(34) else {
        throw WorkloadError(file: path, line: line, "has a quote; quoted fields are not supported")
      }
      let fields = body.split(separator: 44, omittingEmptySubsequences: false).map(Substring.init)
      if index == 0 {
        header = fields.map(String.init)
        // A byte order mark, as spreadsheets write it.
        if header[0].unicodeScalars.first == "\u{FEFF}" { header[0].unicodeScalars.removeFirst() }
        continue
      }
      guard fields.count == header.count else {
        throw WorkloadError(
          file: path, line: line,
          body.isEmpty
            ? "the line is empty"
            : "a row needs \(header.count) fields, found \(fields.count)")
      }
      rows.append(Row(line: line, fields: fields))
    }
    guard !lines.isEmpty else { throw WorkloadError(file: path, "is empty") }
    self.header = header
    self.rows = rows
  }

  /// A field of decimal digits alone.
  func count(_ row: Row, _ column: Int, _ name: String) throws(WorkloadError) -> Int {
    let field = row.fields[column]
    let isDigits = !field.isEmpty && field.utf8.allSatisfy { $0 >= 48 && $0 <= 57 }
    guard isDigits, let value = Int(field) else {
      throw WorkloadError(
        file: path, line: row.line,
        "\(name) must be a whole number of tokens, found '\(field.prefix(40))'")
    }
    return value
  }
}
