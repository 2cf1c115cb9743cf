/// Something about this machine could not be found out.
public struct LocalityError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was asked, such as `hwloc_topology_load` or a file's path.
  public let question: String
  /// What was found instead.
  public let finding: String

  init(_ question: String, _ finding: String) {
    self.question = question
    self.finding = finding
  }

  public var description: String { "\(question): \(finding)" }
}
