import JSONReading

extension RequestList {
  /// Reads a request trace, CSV or JSON Lines, of one of the kinds of `TraceFormat`.
  ///
  /// Times must not decrease; arrivals are seconds since the first row. A text that begins with `{`
  /// is JSON Lines. A malformed line is an error with its number.
  public static func trace(
    contentsOf path: String, limits: LengthLimits = LengthLimits()
  ) throws(WorkloadError) -> RequestList {
    let bytes: [UInt8]
    do { bytes = try JSONDocument.read(path) } catch { throw WorkloadError(error) }
    let first = bytes.first { ![9, 10, 13, 32].contains($0) }
    return first == UInt8(ascii: "{")
      ? try trace(jsonLines: bytes, path: path, limits: limits)
      : try trace(csv: bytes, path: path, limits: limits)
  }

  /// The same from a CSV file's bytes; `path` is for messages.
  public static func trace(
    csv bytes: [UInt8], path: String, limits: LengthLimits = LengthLimits()
  ) throws(WorkloadError) -> RequestList {
    let reader = try CSVReader(bytes: bytes, path: path)
    guard let format = TraceFormat(names: reader.header) else {
      throw WorkloadError(
        file: path, line: 1,
        "the header must be \(TraceFormat.known), found "
          + "\(reader.header.joined(separator: ",").prefix(80))")
    }
    guard !reader.rows.isEmpty else { throw WorkloadError(file: path, line: 1, "has no rows") }
    let columns = format.names.map { name in
      reader.header.firstIndex(of: name) ?? 0  // there: the format was found by these names
    }
    var collector = try TraceCollector(format: format, path: path, limits: limits)
    for row in reader.rows {
      try collector.add(
        line: row.line, time: row.fields[columns[0]],
        prompt: reader.count(row, columns[1], format.inputName),
        output: reader.count(row, columns[2], format.outputName))
    }
    return try collector.list()
  }

  /// The same from the bytes of a file with one JSON object a line.
  public static func trace(
    jsonLines bytes: [UInt8], path: String, limits: LengthLimits = LengthLimits()
  ) throws(WorkloadError) -> RequestList {
    var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
    while lines.last?.allSatisfy({ $0 == 13 || $0 == 32 }) == true { lines.removeLast() }
    var collector: TraceCollector?
    for (index, raw) in lines.enumerated() {
      let line = index + 1
      let entry: TraceLine
      do {
        entry = try JSONDocument(bytes: Array(raw), path: path).decode(TraceLine.self)
      } catch {
        throw WorkloadError(file: path, line: line, error.message)
      }
      var current: TraceCollector
      if let collector {
        current = collector
      } else {
        current = try TraceCollector(format: entry.format, path: path, limits: limits)
      }
      collector = nil  // one owner of the requests while they are added to: no copies
      guard entry.format == current.format else {
        throw WorkloadError(
          file: path, line: line,
          "has the fields of \(entry.format.rawValue), the lines before those of "
            + current.format.rawValue)
      }
      try current.add(line: line, time: entry.time[...], prompt: entry.input, output: entry.output)
      collector = current
    }
    guard let collector else { throw WorkloadError(file: path, "is empty") }
    return try collector.list()
  }
}

/// Turns the rows of a trace into requests.
private struct TraceCollector {
  let format: TraceFormat
  let path: String
  private var collector: RequestCollector
  private var rows = 0
  private var first: TraceTime?
  private var last: TraceTime?

  init(format: TraceFormat, path: String, limits: LengthLimits) throws(WorkloadError) {
    self.format = format
    self.path = path
    collector = try RequestCollector(limits: limits)
  }

  mutating func add(
    line: Int, time text: Substring, prompt: Int, output: Int
  ) throws(WorkloadError) {
    guard let time = format.time(text) else {
      throw WorkloadError(
        file: path, line: line,
        "\(format.timeName) \(format.timeExpectation), found '\(text.prefix(40))'")
    }
    if let last, time.seconds(since: last) < 0 {
      throw WorkloadError(
        file: path, line: line, "\(format.timeName) is earlier than the row before")
    }
    last = time
    let start = first ?? time
    first = start
    defer { rows += 1 }
    if format.dropsFailed, output == 0 {
      collector.dropped += 1
      return
    }
    let reason = try collector.add(
      id: rows, prompt: prompt, output: output, arrival: time.seconds(since: start))
    if let reason { throw WorkloadError(file: path, line: line, reason) }
  }

  func list() throws(WorkloadError) -> RequestList {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return try collector.list(source: "trace \(name)", file: path)
  }
}

/// One line of a JSON Lines trace.
private struct TraceLine: Decodable {
  let format: TraceFormat
  let time: String
  let input: Int
  let output: Int

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(from decoder: any Decoder) throws {
    let keyed = try decoder.container(keyedBy: Key.self)
    let names = keyed.allKeys.map(\.stringValue)
    guard let format = TraceFormat(names: names) else {
      // With a place, so that the reader reports this sentence and not that the text is no JSON.
      let key = Key(names.sorted().first ?? "line")
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: decoder.codingPath + [key],
          debugDescription: "the fields must be \(TraceFormat.known), found "
            + names.sorted().joined(separator: ",").prefix(80)))
    }
    self.format = format
    let timeKey = Key(format.timeName)
    if format == .azure {
      time = try keyed.decode(String.self, forKey: timeKey)
    } else {
      time = "\(try keyed.decode(Double.self, forKey: timeKey))"
    }
    input = try keyed.decode(JSONInteger.self, forKey: Key(format.inputName)).value
    output = try keyed.decode(JSONInteger.self, forKey: Key(format.outputName)).value
  }
}
