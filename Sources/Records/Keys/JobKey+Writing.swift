extension JobKey {
  /// A job file with every key, what each means beside it. Keys of which only one can be taken, and
  /// those of a study, stand there as comments; removing the mark takes them.
  /// - Parameters:
  ///   - serving: true for a job with requests over time, false for one with batches.
  ///   - key: a key that stands, and those that it excludes do not.
  public static func job(serving: Bool, taking key: String? = nil) -> String {
    var taken: [JobKey] = []
    func take(_ path: String) {
      guard let key = all.first(where: { $0.path == path }), !taken.contains(key) else { return }
      taken.append(key)
      key.needed.forEach(take)
    }
    if let key { take(key) }
    let excluded = taken.flatMap(\.excluded)
    func isOn(_ key: JobKey) -> Bool {
      if excluded.contains(where: key.isAt) { return false }
      return taken.contains(key) || !key.isComment
    }
    return all.filter { $0.isOf(serving: serving) }.enumerated().map { index, key in
      key.lines(isOn: isOn(key) || serving && key.path == "serving")
    }.joined()
  }

  /// Whether the key is `path` or inside it.
  private func isAt(_ path: String) -> Bool {
    self.path == path || self.path.hasPrefix(path + ".")
  }

  private func isOf(serving: Bool) -> Bool {
    serving ? !Self.batchKeys.contains(where: isAt) : !isAt("serving")
  }

  private static let noteColumn = 30
  private static let width = 110

  /// The key with its value, and its note in as many lines as it takes.
  private func lines(isOn: Bool) -> String {
    let isItem = Self.lists.contains(parent)
    let isFirst = isItem && Self.all.first { $0.parent == parent } == self
    var line = String(repeating: "  ", count: depth + (isItem && !isFirst ? 1 : 0))
    line += (isOn ? "" : "# ") + (isFirst ? "- " : "")
    line += name + ":" + (example.isEmpty ? "" : " " + example)
    guard !note.isEmpty else { return line + "\n" }
    let gap = max(1, Self.noteColumn - line.count)
    var out = ""
    line += String(repeating: " ", count: gap) + "#"
    for word in note.split(separator: " ") {
      if line.count + 1 + word.count > Self.width, !line.hasSuffix("#") {
        out += line + "\n"
        line = String(repeating: " ", count: Self.noteColumn) + "# "
      }
      line += " " + word
    }
    return out + line + "\n"
  }

  /// Keys that hold a list of mappings.
  private static let lists = ["serving.requests.mix"]
}
