/// What was asked of the simulator, what was found, and what would be valid.
public struct SimulationError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Kind: String, Sendable {
    /// A model, layout, device, network or format that does not go with the others.
    case configuration
    /// A configuration that does not fit into memory.
    case memory
    /// A table, study or run that cannot be read or judged.
    case data
  }

  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// Runs `body`; errors of other modules become this module's, with their own words.
  static func wrap<Value>(
    _ kind: Kind = .configuration, _ body: () throws -> Value
  ) throws(SimulationError) -> Value {
    do { return try body() } catch let error as SimulationError { throw error } catch {
      throw SimulationError(kind, "\(error)")
    }
  }
}
