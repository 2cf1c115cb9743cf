import Models
import Scheduling

/// One row of a published table of messages: how often a rank calls an operation, and with what.
public struct PublishedRow: Hashable, Sendable {
  /// The paper's number of the table.
  public var table: String
  public var model: String
  public var tensor: Int
  public var pipeline: Int
  public var phase: Phase
  public var operation: PublishedOperation
  public var count: Int
  /// `128x4096`, or the length of a vector.
  public var shape: String
  public var messageBytes: Int

  /// As a line of the table, without its end.
  public var csv: String {
    "\(table),\(model),\(tensor),\(pipeline),\(phase.rawValue),\(operation.rawValue),\(count),"
      + "\(shape),\(messageBytes)"
  }

  /// Whether `row` is about the same operation in the same place.
  func isSameOperation(as row: PublishedRow) -> Bool {
    (tensor, pipeline) == (row.tensor, row.pipeline)
      && (model, phase, operation) == (row.model, row.phase, row.operation)
  }

  /// Whether every number is the same; the table's own number is not one.
  func isEqual(to row: PublishedRow) -> Bool {
    isSameOperation(as: row)
      && (count, shape, messageBytes) == (row.count, row.shape, row.messageBytes)
  }
}

/// Operations as published tables name them.
public enum PublishedOperation: String, Sendable, Hashable, CaseIterable {
  case allreduce
  case gather
  case allgather
  case reducescatter
  case send
  case recv

  init?(_ kind: OperationKind) {
    switch kind {
    case .allReduce: self = .allreduce
    case .gather: self = .gather
    case .allGather: self = .allgather
    case .reduceScatter: self = .reducescatter
    case .send: self = .send
    case .receive: self = .recv
    case .broadcast: return nil
    }
  }
}

/// Rows of a published table, with the lines that they stand in.
public struct PublishedTable: Sendable {
  public static let header = "table,model,tp,pp,phase,operation,count,shape,message_bytes"

  public let rows: [(line: Int, row: PublishedRow)]
  /// Rows that cannot be judged: file, line, column, and what is valid there.
  public let problems: [String]

  /// Reads comma-separated rows under the header; lines that begin with `#` are comments.
  /// - Parameter source: the file's name, for errors.
  /// - Throws: `CommunicationError` where the header is another, or there is no row.
  public init(parsing text: String, source: String) throws(CommunicationError) {
    var rows: [(line: Int, row: PublishedRow)] = []
    var problems: [String] = []
    var hasHeader = false
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    for (index, line) in lines.enumerated() {
      guard !line.isEmpty, !line.hasPrefix("#") else { continue }
      let place = "\(source):\(index + 1)"
      if !hasHeader {
        guard line == Self.header else {
          throw CommunicationError("\(place): the first line is '\(line)'; wanted: \(Self.header)")
        }
        hasHeader = true
        continue
      }
      do { rows.append((index + 1, try Self.row(line, place))) } catch {
        problems.append(error.description)
      }
    }
    guard !rows.isEmpty || !problems.isEmpty else {
      throw CommunicationError("\(source): has no rows; wanted: \(Self.header) and rows below it")
    }
    self.rows = rows
    self.problems = problems
  }

  private static func row(
    _ line: Substring, _ place: String
  ) throws(CommunicationError) -> PublishedRow {
    let names = header.split(separator: ",")
    let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == names.count else {
      throw CommunicationError(
        "\(place): \(fields.count) fields; wanted \(names.count): \(header)")
    }
    func number(_ field: Int, from least: Int) throws(CommunicationError) -> Int {
      guard let value = Int(fields[field]), value >= least else {
        throw CommunicationError(
          "\(place): \(names[field]) is '\(fields[field])'; it must be a whole number from \(least)"
        )
      }
      return value
    }
    guard ModelConfiguration.presetNames.contains(fields[1]) else {
      throw CommunicationError(
        "\(place): no preset named '\(fields[1])'; presets: "
          + ModelConfiguration.presetNames.joined(separator: " "))
    }
    guard let phase = Phase(rawValue: fields[4]), phase != .score else {
      throw CommunicationError("\(place): phase is '\(fields[4])'; valid: prefill decode")
    }
    guard let operation = PublishedOperation(rawValue: fields[5]) else {
      throw CommunicationError(
        "\(place): operation is '\(fields[5])'; valid: "
          + PublishedOperation.allCases.map(\.rawValue).joined(separator: " "))
    }
    let sides = fields[7].split(separator: "x", omittingEmptySubsequences: false)
    guard (1...2).contains(sides.count), sides.allSatisfy({ (Int($0) ?? 0) > 0 }) else {
      throw CommunicationError(
        "\(place): shape is '\(fields[7])'; wanted ROWSxCOLUMNS or a length, such as 128x4096")
    }
    return PublishedRow(
      table: fields[0], model: fields[1], tensor: try number(2, from: 1),
      pipeline: try number(3, from: 1), phase: phase, operation: operation,
      count: try number(6, from: 0), shape: fields[7], messageBytes: try number(8, from: 0))
  }
}

extension PublishedTable {
  /// Tables III, V and VI of Xu et al., "Characterizing Communication Patterns in Distributed Large
  /// Language Model Inference" (arXiv:2507.14392): vLLM 0.8.5 V0, one request of 128 prompt tokens,
  /// 128 generated, bfloat16.
  public static let communicationPatterns = """
    \(header)
    III,llama-3.1-8b,2,1,prefill,allreduce,65,128x4096,1048576
    III,llama-3.1-8b,2,1,prefill,gather,1,64128,128256
    III,llama-3.1-8b,2,1,decode,allreduce,8255,1x4096,8192
    III,llama-3.1-8b,2,1,decode,gather,127,64128,128256
    III,llama-3.1-8b,4,1,prefill,allreduce,65,128x4096,1048576
    III,llama-3.1-8b,4,1,prefill,gather,1,32064,64128
    III,llama-3.1-8b,4,1,decode,allreduce,8255,1x4096,8192
    III,llama-3.1-8b,4,1,decode,gather,127,32064,64128
    V,llama-3.1-8b,1,2,prefill,send,2,128x4096,1048576
    V,llama-3.1-8b,1,2,decode,send,254,1x4096,8192
    V,llama-3.1-8b,1,4,prefill,send,6,128x4096,1048576
    V,llama-3.1-8b,1,4,decode,send,762,1x4096,8192
    VI,llama-3.1-8b,2,2,prefill,allreduce,33,128x4096,1048576
    VI,llama-3.1-8b,2,2,prefill,gather,1,64128,128256
    VI,llama-3.1-8b,2,2,prefill,allgather,2,128x4096,1048576
    VI,llama-3.1-8b,2,2,prefill,send,2,128x2048,524288
    VI,llama-3.1-8b,2,2,decode,allreduce,4191,1x4096,8192
    VI,llama-3.1-8b,2,2,decode,gather,127,64128,128256
    VI,llama-3.1-8b,2,2,decode,allgather,254,1x4096,8192
    VI,llama-3.1-8b,2,2,decode,send,254,1x2048,4096
    """
}
