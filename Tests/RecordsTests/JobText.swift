import FoundationEssentials
import Records

/// Job files and folders for tests.
enum JobText {
  static let small = """
    # What does padding cost?
    name: small
    question: "What does padding cost: \\"x\\"?"
    model:
      preset: qwen2.5-0.5b
      scale: 1/4
    layouts: [tp1, tp2]
    policies: [right-pad, packed]
    workload:
      generate: chat
      batch-size: 4
      batches-taken: 2
    output-tokens: 4
    """

  static func parse(
    _ text: String = small, settings: [String] = []
  ) throws(RecordError) -> JobSpecification {
    try JobFile.parse(text, file: "jobs/x.yaml", folder: "jobs", settings: settings)
  }

  /// The small job with `line` in the place of the line that begins with `key`.
  static func replacing(_ key: String, _ line: String) -> String {
    small.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.drop { $0 == " " }.hasPrefix(key) ? line : String($0) }
      .joined(separator: "\n")
  }

  /// What is said about a job, `accepted` when nothing is.
  static func complaint(_ text: String, settings: [String] = []) -> String {
    do {
      _ = try parse(text, settings: settings)
      return "accepted"
    } catch { return error.description }
  }
}

/// A folder that is gone when its owner is.
final class TemporaryFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/padtax-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  @discardableResult
  func write(_ text: String, _ name: String) throws -> String {
    let file = path + "/" + name
    try AtomicFile.createFolder(String(file.prefix(upTo: file.lastIndex(of: "/") ?? file.endIndex)))
    try AtomicFile.write(text, to: file)
    return file
  }
}
