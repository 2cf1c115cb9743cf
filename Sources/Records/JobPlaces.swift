import FoundationEssentials
import Yams

/// Finds the line of a key again after the job was read, for errors that show only later.
struct JobPlaces {
  private let source: JobSource?
  private let root: Node?
  private let file: String

  /// - Parameters:
  ///   - file: path of the job file; one that is not there gives places without lines.
  ///   - variation: as `JobFile.read` had it.
  init(file: String, settings: [String], variation: Int? = nil) {
    self.file = file
    let tree = try? JobFile.tree(path: file, settings: settings, variation: variation)
    source = tree?.source
    root = tree?.root
  }

  /// `file:line:column: key` of a key such as `workload.study`.
  /// - Parameter item: an entry of the list under the key.
  func text(_ key: String, item: String? = nil) -> String {
    var node = root
    var mark = node?.mark
    for part in key.split(separator: ".") {
      node = node?.mapping?[Node(String(part))]
      mark = node?.mark ?? mark
    }
    if let item, let entry = node?.sequence?.first(where: { $0.string == item }) {
      mark = entry.mark ?? mark
    }
    guard let source, let mark else { return "\(file): \(key)" }
    return "\(source.text(mark)): \(key)"
  }
}
