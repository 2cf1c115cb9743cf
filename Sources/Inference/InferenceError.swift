/// An error on a rank, with the exit code that it asks for.
public struct InferenceError: Error, Hashable, CustomStringConvertible {
  public enum Kind: Int32, Sendable {
    /// The job failed.
    case failed = 1
    /// The job asks for something that cannot be done.
    case badInput = 2
    /// A comparison failed.
    case gate = 3
  }
  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
