import Yams

/// Where a line of a job comes from: the file, a file that it includes, or a `--set` option.
///
/// Everything that is parsed is placed behind what was parsed before, by empty lines before it, so that
/// a line number tells where it came from.
struct JobSource {
  let file: String
  private var parts: [Part] = []
  private var lines = 0

  private struct Part {
    let first: Int
    /// nil for a line of a file.
    let setting: String?
    let file: String
  }

  init(file: String, text: String) {
    self.file = file
    _ = add(text, file: file)
  }

  /// The text of a file, so placed that its line numbers name it.
  mutating func add(_ text: String, file: String) -> String {
    add(text, Part(first: lines, setting: nil, file: file))
  }

  /// The value of a `--set` option, so placed that its line number names it.
  mutating func add(_ value: String, setting: String) -> String {
    add(value, Part(first: lines, setting: setting, file: file))
  }

  private mutating func add(_ text: String, _ part: Part) -> String {
    parts.append(part)
    lines += Self.count(text)
    return String(repeating: "\n", count: part.first) + text
  }

  private static func count(_ text: String) -> Int {
    text.utf8.reduce(1) { $0 + ($1 == UInt8(ascii: "\n") ? 1 : 0) }
  }

  /// `file:line`, or the option that set what stands there.
  func text(line: Int) -> String {
    // A parser may complain behind the end of what it read last.
    guard let part = parts.last(where: { line > $0.first }) else { return "\(file):\(line)" }
    return part.setting.map { "--set \($0)" } ?? "\(part.file):\(line - part.first)"
  }

  /// `file:line:column`, or the option that set what stands there.
  func text(_ mark: Mark?) -> String {
    guard let mark else { return file }
    let place = text(line: mark.line)
    return place.hasPrefix("--set") ? place : "\(place):\(mark.column)"
  }

  /// A parser's complaint in one line.
  func explain(_ error: any Error) -> RecordError {
    if let error = error as? RecordError { return error }
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return RecordError("\(text(mark)): not YAML: \(problem)")
    case .duplicatedKeysInMapping(let names, let context):
      return RecordError("\(text(context.mark)): key '\(names.first ?? "?")' is there twice")
    default:
      return RecordError("\(file): not YAML: \(error)")
    }
  }
}
