/// A shard that cannot be built or run.
public struct TransformerError: Error, Hashable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
