import JSONReading

/// What was wrong with prompts, batches or a file of them, and where.
public struct WorkloadError: PlacedError, Hashable, Sendable {
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
}
