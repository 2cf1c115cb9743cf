import JSONReading

/// Collectives measured over sizes, on several rank counts of one machine.
public struct CollectiveSweep: Hashable, Sendable {
  /// Operations of such sweeps, by nccl-tests' names.
  public enum Operation: String, CaseIterable, Sendable {
    case allReduce = "all_reduce"
    case allGather = "all_gather"
    case reduceScatter = "reduce_scatter"
    case allToAll = "alltoall"

    /// The collective with a cost of its own; nil for all-to-all.
    public var kind: CollectiveKind? {
      switch self {
      case .allReduce: .allReduce
      case .allGather: .allGather
      case .reduceScatter: .reduceScatter
      case .allToAll: nil
      }
    }
  }

  /// One measurement; `bytes` is nccl-tests' size.
  public struct Row: Hashable, Sendable {
    public let operation: Operation
    public let ranks: Int
    public let bytes: Int
    public let seconds: Double

    public init(operation: Operation, ranks: Int, bytes: Int, seconds: Double) {
      self.operation = operation
      self.ranks = ranks
      self.bytes = bytes
      self.seconds = seconds
    }
  }

  public let rows: [Row]

  /// Keeps the rows, of which there must be one.
  public init(_ rows: [Row]) {
    precondition(!rows.isEmpty, "a sweep has a row")
    self.rows = rows
  }

  /// Reads CSV with the columns `op_name,num_gpus,latency_ms,message_bytes`.
  public init(contentsOf path: String) throws(NetworkError) {
    let bytes: [UInt8]
    do throws(JSONProblem) {
      bytes = try JSONDocument.read(path)
    } catch {
      throw NetworkError(.file, error)
    }
    let lines = String(decoding: bytes, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    var rows: [Row] = []
    for (index, line) in lines.enumerated() {
      let text = line.last == "\r" ? line.dropLast() : line
      if index == 0 {
        guard text == Self.header else {
          throw NetworkError(
            .file, file: path, line: 1, "a sweep begins with '\(Self.header)', found '\(text)'")
        }
      } else if !text.isEmpty {
        rows.append(try Self.row(text, file: path, line: index + 1))
      }
    }
    guard !rows.isEmpty else { throw NetworkError(.file, file: path, "the sweep has no rows") }
    self.rows = rows
  }

  private static let header = "op_name,num_gpus,latency_ms,message_bytes"

  private static func row(
    _ text: Substring, file: String, line: Int
  ) throws(NetworkError) -> Row {
    func fail(_ message: String) -> NetworkError {
      NetworkError(.value, file: file, line: line, message)
    }
    let fields = text.split(separator: ",", omittingEmptySubsequences: false)
    guard fields.count == 4 else { throw fail("a row has 4 fields, found \(fields.count)") }
    guard let operation = Operation(rawValue: String(fields[0])) else {
      let known = Operation.allCases.map(\.rawValue).joined(separator: " ")
      throw fail("no operation '\(fields[0])'; known: \(known)")
    }
    guard let ranks = Int(fields[1]), ranks >= 2 else {
      throw fail("num_gpus must be an integer of 2 or more, found '\(fields[1])'")
    }
    guard let milliseconds = Double(fields[2]), milliseconds > 0, milliseconds.isFinite else {
      throw fail("latency_ms must be a positive number, found '\(fields[2])'")
    }
    guard let bytes = Int(fields[3]), bytes >= 1 else {
      throw fail("message_bytes must be an integer of 1 or more, found '\(fields[3])'")
    }
    return Row(
      operation: operation, ranks: ranks, bytes: bytes, seconds: milliseconds / 1e3)
  }
}
