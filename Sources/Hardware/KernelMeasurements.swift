import JSONReading
import Units

/// What a table of kernels is about. Raw values are the names that files use.
public enum KernelOperation: String, Hashable, Sendable, Codable, CaseIterable {
  case gemm
  case prefillAttention = "prefill_attention"
  case decodeAttention = "decode_attention"

  /// The columns of its tables before `latency_ms`, which are the coordinates of its surface.
  public var columns: [String] {
    switch self {
    case .gemm: ["m", "n", "k"]
    case .prefillAttention: ["batch_size", "isl", "num_heads", "num_key_value_heads"]
    case .decodeAttention: ["batch_size", "context", "num_heads", "num_key_value_heads"]
    }
  }

  /// The call that a row of such a table measured.
  ///
  /// - Parameter values: by `columns`.
  func call(_ values: [Int], headDimension: Int) -> KernelCall {
    switch self {
    case .gemm: return .gemm(m: values[0], n: values[1], k: values[2])
    case .prefillAttention:
      let heads = AttentionHeads(query: values[2], kv: values[3], dimension: headDimension)
      return .prefillAttention([AttentionSpan(count: values[0], queries: values[1])], heads)
    case .decodeAttention:
      let heads = AttentionHeads(query: values[2], kv: values[3], dimension: headDimension)
      return .decodeAttention(
        [AttentionSpan(count: values[0], queries: 1, context: values[1])], heads)
    }
  }
}

/// One table of measured kernels: `gemm_bf16.csv`, `prefill_attention_bf16.csv`, …
public struct KernelMeasurements: Hashable, Sendable {
  public struct Row: Hashable, Sendable {
    public let call: KernelCall
    public let seconds: Double

    public init(call: KernelCall, seconds: Double) {
      self.call = call
      self.seconds = seconds
    }

    /// The row's sizes, by the operation's columns.
    public func sizes(of operation: KernelOperation) -> [Int] {
      operation.columns.indices.map { Int(call.point[$0]) }
    }
  }

  public let operation: KernelOperation
  public let format: NumberFormat
  public let rows: [Row]
  /// The file's name without folder.
  public let name: String

  /// Size of a head in attention tables, which have no column for it: that of the kernels' authors.
  public static let headDimension = 128

  /// Keeps the rows, of which there must be one.
  public init(
    operation: KernelOperation, format: NumberFormat, rows: [Row], name: String
  ) {
    precondition(!rows.isEmpty, "a table has a row")
    self.operation = operation
    self.format = format
    self.rows = rows
    self.name = name
  }

  /// Reads CSV with the columns of the operation and `latency_ms`, in any order.
  ///
  /// The file's name says what it measures: OPERATION_FORMAT.csv.
  public init(contentsOf path: String) throws(HardwareError) {
    var problems: [HardwareError] = []
    try self.init(contentsOf: path, problems: &problems)
    if let first = problems.first { throw first }
  }

  /// The same, but rows that are not valid are left out and listed with their lines.
  /// - Throws: `HardwareError` where no row is left, or the file is no such table.
  public init(contentsOf path: String, problems: inout [HardwareError]) throws(HardwareError) {
    let bytes: [UInt8]
    do throws(JSONProblem) {
      bytes = try JSONDocument.read(path)
    } catch {
      throw HardwareError(.file, error)
    }
    try self.init(
      parsing: String(decoding: bytes, as: UTF8.self), file: path, problems: &problems)
  }

  /// A checksum of the rows in their order: tells whether a surface was fitted to these very rows.
  public var digest: String {
    var digest = Digest()
    for row in rows {
      let point = row.call.point
      for axis in operation.columns.indices { digest.add("\(point[axis]) ") }
      digest.add("\(row.seconds)\n")
    }
    return digest.text
  }

  /// Whether a file's name is that of a table.
  public static func names(_ file: String) -> Bool { kind(file) != nil }

  private static func kind(_ file: String) -> (KernelOperation, NumberFormat)? {
    let name = String(file.split(separator: "/").last ?? "")
    for operation in KernelOperation.allCases {
      for format in NumberFormat.allCases {
        let format = (format, format.rawValue.split(separator: "-").joined(separator: "_"))
        if name == "\(operation.rawValue)_\(format.1).csv" { return (operation, format.0) }
      }
    }
    return nil
  }

  public init(parsing text: String, file: String) throws(HardwareError) {
    var problems: [HardwareError] = []
    try self.init(parsing: text, file: file, problems: &problems)
    if let first = problems.first { throw first }
  }

  private init(
    parsing text: String, file: String, problems: inout [HardwareError]
  ) throws(HardwareError) {
    guard let (operation, format) = Self.kind(file) else {
      let operations = KernelOperation.allCases.map(\.rawValue).joined(separator: " ")
      throw HardwareError(
        .name, file: file,
        "is not named OPERATION_FORMAT.csv; operations: \(operations); formats: fp32 bf16 fp8 "
          + "fp8_block fp4")
    }
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    let columns = operation.columns + ["latency_ms"]
    let header = Self.fields(lines.first ?? "")
    guard header.sorted() == columns.sorted() else {
      throw HardwareError(
        .table, file: file, line: 1,
        "the columns of \(operation.rawValue) are \(columns.joined(separator: ",")), found "
          + "'\(header.joined(separator: ","))'")
    }
    let places = columns.map { header.firstIndex(of: $0) ?? 0 }
    var rows: [Row] = []
    let found = problems.count
    for (index, line) in lines.enumerated().dropFirst() where !line.isEmpty {
      do {
        rows.append(try Self.row(line, columns, places, operation, file: file, line: index + 1))
      } catch { problems.append(error) }
    }
    if rows.isEmpty, found < problems.count { throw problems[found] }
    guard !rows.isEmpty else { throw HardwareError(.table, file: file, "the table has no rows") }
    self.init(
      operation: operation, format: format, rows: rows,
      name: String(file.split(separator: "/").last ?? ""))
  }

  private static func row(
    _ text: Substring, _ columns: [String], _ places: [Int], _ operation: KernelOperation,
    file: String, line: Int
  ) throws(HardwareError) -> Row {
    let fields = fields(text)
    func fail(_ message: String) -> HardwareError {
      HardwareError(.table, file: file, line: line, message)
    }
    guard fields.count == columns.count else {
      throw fail("a row has \(columns.count) fields, found \(fields.count)")
    }
    var values: [Int] = []
    for (column, place) in zip(columns.dropLast(), places) {
      guard let value = Int(fields[place]), (1...1 << 40).contains(value) else {
        throw fail("\(column) must be a whole number of 1 or more, found '\(fields[place])'")
      }
      values.append(value)
    }
    let latency = fields[places[columns.count - 1]]
    guard let milliseconds = Double(latency), milliseconds > 0, milliseconds.isFinite else {
      throw fail("latency_ms must be a positive number, found '\(latency)'")
    }
    return Row(
      call: operation.call(values, headDimension: headDimension), seconds: milliseconds / 1e3)
  }

  private static func fields(_ line: Substring) -> [String] {
    guard !line.isEmpty else { return [] }
    return line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }
}
