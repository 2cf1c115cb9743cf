/// A JSON object of the run directory. Each opens with its schema and version, so that a reader
/// knows what it holds without knowing the file's name.
public protocol Record: Codable, Sendable {
  /// Name of the schema, such as `padtax/batch`.
  static var schemaName: String { get }
  /// Raised when a field changes its meaning or goes away.
  static var schemaVersion: Int { get }
  var schema: String { get }
  var version: Int { get }
}

/// Where the times of a record come from.
public enum Origin: String, Codable, Sendable {
  /// Wall clock, ranks on real cores.
  case measured
  /// Ranks executed, time computed from CPU time and a network model.
  case virtual
  /// Priced by the cost model; nothing ran.
  case modelled
  /// Read from somebody else's results.
  case imported
}

/// A record or file that cannot be read or written.
public struct RecordError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
