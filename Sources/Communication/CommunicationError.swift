/// Traffic or a table of it that makes no sense; the text says what was asked and what is valid.
public struct CommunicationError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
