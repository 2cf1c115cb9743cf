/// A job or a site that no script can be made for, or a broken template.
public struct SlurmError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}
