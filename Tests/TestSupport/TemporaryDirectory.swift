import FoundationEssentials
import Glibc

/// A new empty folder that disappears with this object. Keep the object as long as the folder is
/// used: `withExtendedLifetime`, or a property of the suite.
public final class TemporaryDirectory: Sendable {
  public let path: String

  public init(prefix: String = "padtax-test") throws(ProcessError) {
    let root = environmentValue("TMPDIR") ?? "/tmp"
    guard let name = strdup("\(root)/\(prefix)-XXXXXX") else {
      throw ProcessError(description: "no memory for a folder's name")
    }
    defer { free(name) }
    guard mkdtemp(name) != nil else {
      throw ProcessError(
        description: "cannot make a folder in \(root): \(String(cString: strerror(errno)))")
    }
    path = String(cString: name)
  }

  deinit {
    // Nothing depends on the folder any more; what cannot be removed is left to the system.
    try? FileManager.default.removeItem(atPath: path)
  }

  /// The path of a file inside.
  public func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file inside and returns its path.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }

  /// Writes a file inside and returns its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    try Data(bytes).write(to: URL(filePath: file(name)))
    return file(name)
  }
}
