import JSONReading

/// What was asked of hardware, what was found, where, and what would be valid.
public struct HardwareError: PlacedError, Hashable, Sendable {
  public enum Kind: String, Sendable {
    /// A file cannot be read, or is not of its form.
    case file
    /// A number or key is missing, unknown, or impossible.
    case value
    /// Rows of measurements, or fitted numbers, that cannot be.
    case table
    /// No hardware of that name.
    case name
    /// The hardware has no peak for that number format.
    case precision
  }

  public let kind: Kind
  public let file: String?
  public let line: Int?
  public let message: String

  public init(_ kind: Kind, file: String? = nil, line: Int? = nil, _ message: String) {
    self.kind = kind
    self.file = file
    self.line = line
    self.message = message
  }

  init(_ kind: Kind, _ problem: JSONProblem) {
    self.init(kind, file: problem.path, line: problem.line, problem.message)
  }
}
