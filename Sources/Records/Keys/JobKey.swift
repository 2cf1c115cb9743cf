/// A key of a job file: where it stands, what may stand there, what it means.
///
/// `JobKey.all` is the one table of keys: the parser looks for none that it lacks (`JobNode`), and
/// `padtax job` and `docs/JOBS.md` show what it holds.
public struct JobKey: Hashable, Sendable {
  /// Dotted; kinds of requests are under `serving.requests.mix`.
  public let path: String
  /// A value as YAML; empty for a key that only holds others.
  let example: String
  /// What the key means, its choices and its default.
  let note: String
  /// Keys that cannot stand beside this one.
  let excluded: [String]
  /// Keys without which this one means nothing.
  let needed: [String]
  /// Whether a written job has it as a comment: another key of the same choice is taken, or none.
  let isComment: Bool

  init(
    _ path: String, _ example: String = "", _ note: String = "", not excluded: [String] = [],
    with needed: [String] = [], off isComment: Bool = false
  ) {
    self.path = path
    self.example = example
    self.note = note
    self.excluded = excluded
    self.needed = needed
    self.isComment = isComment || !excluded.isEmpty || !needed.isEmpty
  }

  /// The last part of the path.
  var name: String { path.split(separator: ".").last.map(String.init) ?? path }

  var parent: String { path.contains(".") ? String(path.dropLast(name.count + 1)) : "" }

  var depth: Int { path.count { $0 == "." } }

  static let paths = Set(all.map(\.path))

  /// A path with the positions in lists taken out, as the table has it.
  static func tablePath(_ path: String) -> String {
    path.split(separator: ".").filter { Int($0) == nil }.joined(separator: ".")
  }
}
