import FoundationEssentials
import Yams

/// Where a line of a job comes from: the file, or a `--set` option.
///
/// Values of `--set` are parsed with as many empty lines before them as put them behind the last
/// line of the file, so that a line number tells which of the two it was.
struct JobSource {
  let file: String
  let fileLines: Int
  let settings: [String]

  init(file: String, text: String, settings: [String]) {
    self.file = file
    fileLines = text.utf8.reduce(1) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
    self.settings = settings
  }

  /// The value of setting `index`, counted from 0, so placed that its line number names it.
  func placed(_ value: String, setting index: Int) -> String {
    String(repeating: "\n", count: fileLines + index) + value
  }

  /// `file:line`, or the option that set what stands there.
  func text(line: Int) -> String {
    let index = line - fileLines - 1
    return settings.indices.contains(index) ? "--set \(settings[index])" : "\(file):\(line)"
  }

  /// A parser's complaint in one line.
  /// - Parameter setting: the option whose value was parsed; the file when nil.
  func explain(_ error: any Error, setting: String? = nil) -> RecordError {
    if let error = error as? RecordError { return error }
    func text(line: Int) -> String { setting.map { "--set \($0)" } ?? self.text(line: line) }
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return RecordError("\(text(line: mark.line)): not YAML: \(problem)")
    case .duplicatedKeysInMapping(let names, let context):
      return RecordError(
        "\(text(line: context.mark.line)): key '\(names.first ?? "?")' is there twice")
    default:
      return RecordError("\(file): not YAML: \(error)")
    }
  }
}

/// Finds the line of a key again after the job was read, for errors that show only later.
struct JobPlaces {
  private let source: JobSource?
  private let root: Node?
  private let file: String

  /// - Parameter file: path of the job file; one that is not there gives places without lines.
  init(file: String, settings: [String]) {
    self.file = file
    guard let data = FileManager.default.contents(atPath: file) else {
      (source, root) = (nil, nil)
      return
    }
    let text = String(decoding: data, as: UTF8.self)
    let source = JobSource(file: file, text: text, settings: settings)
    self.source = source
    root = try? JobFile.tree(text, source: source)
  }

  /// `file:line: key` of a key such as `workload.study`.
  /// - Parameter item: an entry of the list under the key.
  func text(_ key: String, item: String? = nil) -> String {
    var node = root
    var line = node?.mark?.line
    for part in key.split(separator: ".") {
      node = node?.mapping?[Node(String(part))]
      line = node?.mark?.line ?? line
    }
    if let item, let entry = node?.sequence?.first(where: { $0.string == item }) {
      line = entry.mark?.line ?? line
    }
    guard let source, let line else { return "\(file): \(key)" }
    return "\(source.text(line: line)): \(key)"
  }
}
