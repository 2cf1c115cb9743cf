/// A request or a result of netbench that cannot be used.
public struct NetbenchError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
