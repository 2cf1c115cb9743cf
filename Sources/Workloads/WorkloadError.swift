import JSONReading

/// What was wrong with prompts, batches or a file of them, and where.
public struct WorkloadError: Error, Hashable, Sendable, CustomStringConvertible {
  public let file: String?
  public let line: Int?
  public let message: String

  public init(file: String? = nil, line: Int? = nil, _ message: String) {
    self.file = file
    self.line = line
    self.message = message
  }

  init(_ problem: JSONProblem) {
    self.init(file: problem.path, line: problem.line, problem.message)
  }

  public var description: String {
    switch (file, line) {
    case (.some(let file), .some(let line)): "\(file):\(line): \(message)"
    case (.some(let file), nil): "\(file): \(message)"
    default: message
    }
  }
}
