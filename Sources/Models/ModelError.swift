import JSONReading

/// What was asked of a model, what was found, where, and what would be valid.
public struct ModelError: PlacedError, Hashable, Sendable {
  public enum Kind: String, Sendable {
    /// The file cannot be read or is not JSON.
    case file
    /// The model has a feature padtax does not run.
    case feature
    /// A number or key is missing, of the wrong type, or impossible.
    case value
    /// A parallel layout does not fit the model.
    case layout
    /// No such preset.
    case preset
    /// A scale or override has no valid result.
    case scale
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
