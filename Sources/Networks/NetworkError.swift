import JSONReading

/// What was asked of a network, what was found, where, and what would be valid.
public struct NetworkError: PlacedError, Hashable, Sendable {
  public enum Kind: String, Sendable {
    /// The file cannot be read, or is not JSON of this schema.
    case file
    /// A number or key is missing, unknown, or impossible.
    case value
    /// Sizes out of order, or a larger message much faster than a smaller one.
    case table
    /// No link class of that name.
    case name
    /// Ranks and nodes do not fit each other or the network.
    case placement
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
