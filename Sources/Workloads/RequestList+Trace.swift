import JSONReading

extension RequestList {
  /// Reads a request trace with the columns of the Azure LLM inference traces.
  ///
  /// `TIMESTAMP,ContextTokens,GeneratedTokens`, timestamps as `2023-11-16 18:17:03.9799600` (UTC, up
  /// to nine decimals), not decreasing; arrivals are seconds since the first row. Source: Azure LLM
  /// inference trace 2023 (github.com/Azure/AzurePublicDataset).
  public static func trace(
    contentsOf path: String, limits: LengthLimits = LengthLimits()
  ) throws(WorkloadError) -> RequestList {
    let bytes: [UInt8]
    do { bytes = try JSONDocument.read(path) } catch { throw WorkloadError(error) }
    return try trace(csv: bytes, path: path, limits: limits)
  }

  /// The same from the file's bytes; `path` is for messages.
  public static func trace(
    csv bytes: [UInt8], path: String, limits: LengthLimits = LengthLimits()
  ) throws(WorkloadError) -> RequestList {
    let header = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]
    let reader = try CSVReader(bytes: bytes, path: path, header: header)
    var collector = try RequestCollector(limits: limits)
    var first: Timestamp?
    var last: Timestamp?
    for (index, row) in reader.rows.enumerated() {
      guard let time = Timestamp(row.fields[0]) else {
        throw WorkloadError(
          file: path, line: row.line,
          "TIMESTAMP must look like 2023-11-16 18:17:03.9799600, found "
            + "'\(row.fields[0].prefix(40))'")
      }
      if let last, time < last {
        throw WorkloadError(file: path, line: row.line, "TIMESTAMP is earlier than the row before")
      }
      last = time
      let start = first ?? time
      first = start
      let reason = try collector.add(
        id: index, prompt: reader.count(row, 1, header[1]),
        output: reader.count(row, 2, header[2]), arrival: time.seconds(since: start))
      if let reason { throw WorkloadError(file: path, line: row.line, reason) }
    }
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return try collector.list(source: "trace \(name)", file: path)
  }
}

/// A UTC time of day and date in whole nanoseconds.
struct Timestamp: Comparable {
  let days: Int
  let nanoseconds: Int

  /// Reads `YYYY-MM-DD hh:mm:ss` with up to nine decimals; nil for anything else.
  init?(_ text: Substring) {
    let bytes = Array(text.utf8)
    guard bytes.count >= 19, bytes[4] == 45, bytes[7] == 45, bytes[10] == 32 || bytes[10] == 84,
      bytes[13] == 58, bytes[16] == 58
    else { return nil }
    func number(_ range: Range<Int>, _ valid: ClosedRange<Int>) -> Int? {
      var value = 0
      for byte in bytes[range] {
        guard byte >= 48, byte <= 57 else { return nil }
        value = value * 10 + Int(byte - 48)
      }
      return valid.contains(value) ? value : nil
    }
    guard let year = number(0..<4, 1...9999), let month = number(5..<7, 1...12),
      let day = number(8..<10, 1...Self.days(in: month, of: year)),
      let hour = number(11..<13, 0...23), let minute = number(14..<16, 0...59),
      let second = number(17..<19, 0...59)
    else { return nil }
    var fraction = 0
    if bytes.count > 19 {
      let decimals = bytes.count - 20
      guard bytes[19] == 46, (1...9).contains(decimals),
        let digits = number(20..<bytes.count, 0...999_999_999)
      else { return nil }
      fraction = (decimals..<9).reduce(digits) { value, _ in value * 10 }
    }
    days = Self.dayNumber(year: year, month: month, day: day)
    nanoseconds = ((hour * 60 + minute) * 60 + second) * 1_000_000_000 + fraction
  }

  func seconds(since start: Timestamp) -> Double {
    Double((days - start.days) * 86_400) + Double(nanoseconds - start.nanoseconds) / 1e9
  }

  static func < (a: Timestamp, b: Timestamp) -> Bool {
    (a.days, a.nanoseconds) < (b.days, b.nanoseconds)
  }

  private static func days(in month: Int, of year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }

  /// Days in the proleptic Gregorian calendar from a fixed origin (years begin in March).
  private static func dayNumber(year: Int, month: Int, day: Int) -> Int {
    let shifted = month > 2 ? year : year - 1
    let monthFromMarch = (month + 9) % 12
    return 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400
      + (153 * monthFromMarch + 2) / 5 + day
  }
}
