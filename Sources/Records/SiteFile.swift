import FoundationEssentials

/// Reads site files.
public enum SiteFile {
  /// - Throws: `RecordError` with file, line and valid choices.
  public static func read(path: String) throws(RecordError) -> SiteSettings {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RecordError("cannot read the site file \(path): no such file or not readable")
    }
    return try parse(String(decoding: data, as: UTF8.self), file: path)
  }

  /// Parses the text of a site file.
  public static func parse(_ text: String, file: String) throws(RecordError) -> SiteSettings {
    let source = JobSource(file: file, text: text)
    guard let tree = try JobFile.compose(text, source) else {
      throw RecordError("\(file): the file is empty")
    }
    var root = try JobNode(tree, source: source, path: "")
    guard var node = try root.child("node") else { throw root.error("node", "is missing") }
    guard let cpus = try node.integer("cpus", in: 1...1_000_000) else {
      throw node.error("cpus", "is missing")
    }
    var site = SiteSettings(cpus: cpus, memoryBytes: try memory(&node))
    site.gpus = try node.integer("gpus", in: 0...1024) ?? site.gpus
    try node.finish()
    site.account = try word(&root, "account")
    site.partition = try word(&root, "partition")
    site.qos = try word(&root, "qos")
    site.constraint = try line(&root, "constraint")
    site.launcher = try root.choice("launcher", SiteSettings.Launcher.self) ?? site.launcher
    site.modules = try lines(&root, "modules")
    site.container = try word(&root, "container")
    site.containerCommand = try line(&root, "container-command") ?? site.containerCommand
    site.program = try line(&root, "program")
    site.exclusive = try root.flag("exclusive") ?? site.exclusive
    site.concurrent = try root.integer("concurrent", in: 1...10_000) ?? site.concurrent
    site.maxSeconds = try maxTime(&root)
    site.gflops = try root.integer("gflops", in: 1...1_000_000_000) ?? site.gflops
    site.gbytesPerSecond =
      try root.integer("gbytes-per-second", in: 1...1_000_000) ?? site.gbytesPerSecond
    site.environment = try environment(&root)
    site.directives = try lines(&root, "directives")
    if let wrong = site.directives.first(where: { !$0.hasPrefix("#SBATCH --") }) {
      throw root.error("directives", "'\(wrong)' must begin with '#SBATCH --'")
    }
    site.commands = try lines(&root, "commands")
    try root.finish()
    return site
  }

  /// Bytes of a size such as `512GiB`, `500 GB`, `4000MB`; nil when it is none.
  static func bytes(_ text: String) -> Int? {
    let units = [
      ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
      ("kB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ]
    guard let (unit, factor) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
    let digits = text.dropLast(unit.count).filter { $0 != " " }
    guard let count = Int(digits), count > 0 else { return nil }
    let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
    return overflow ? nil : bytes
  }

  /// Seconds of `H:MM:SS` or `D-HH:MM:SS`; nil when it is neither.
  public static func seconds(_ text: String) -> Int? {
    let halves = text.split(separator: "-", omittingEmptySubsequences: false)
    guard halves.count <= 2 else { return nil }
    let fields = halves[halves.count - 1].split(separator: ":", omittingEmptySubsequences: false)
    let numbers = fields.map { field in field.allSatisfy(\.isNumber) ? Int(field) : nil }
    let days = halves.count == 2 ? Int(halves[0]) : 0
    guard fields.count == 3, let hours = numbers[0], let minutes = numbers[1],
      let seconds = numbers[2], let days, (0..<10_000).contains(days), hours < 10_000,
      minutes < 60, seconds < 60
    else { return nil }
    let total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return total > 0 ? total : nil
  }

  private static func memory(_ node: inout JobNode) throws(RecordError) -> Int {
    let text = try node.requiredText("memory")
    guard let bytes = bytes(text) else {
      throw node.error("memory", "'\(text)' is not a size such as 512GiB, 500GB or 4000MB")
    }
    return bytes
  }

  private static func maxTime(_ root: inout JobNode) throws(RecordError) -> Int? {
    guard let text = try root.text("max-time") else { return nil }
    guard let seconds = seconds(text) else {
      throw root.error("max-time", "'\(text)' is not a time such as 24:00:00 or 2-00:00:00")
    }
    return seconds
  }

  private static func environment(
    _ root: inout JobNode
  ) throws(RecordError) -> [String: String] {
    guard var node = try root.child("environment") else { return [:] }
    var variables: [String: String] = [:]
    for key in node.keys {
      let isName = key.utf8.enumerated().allSatisfy { index, byte in
        let character = Character(UnicodeScalar(byte))
        return character == "_" || character.isASCII && character.isLetter
          || index > 0 && character.isASCII && character.isNumber
      }
      guard isName, !key.isEmpty else {
        throw node.error(key, "is not the name of an environment variable")
      }
      variables[key] = try line(&node, key)
    }
    try node.finish()
    return variables
  }

  /// A text of one line.
  private static func line(_ node: inout JobNode, _ key: String) throws(RecordError) -> String? {
    guard let text = try node.text(key) else { return nil }
    guard !text.contains(where: \.isNewline) else {
      throw node.error(key, "must be one line")
    }
    return text
  }

  /// A text without blanks, as options of sbatch take it.
  private static func word(_ node: inout JobNode, _ key: String) throws(RecordError) -> String? {
    guard let text = try line(&node, key) else { return nil }
    guard text.allSatisfy({ $0.isLetter || $0.isNumber || "-_.,+@/:".contains($0) }) else {
      throw node.error(key, "'\(text)' must be one word of letters, digits and -_.,+@/:")
    }
    return text
  }

  private static func lines(
    _ node: inout JobNode, _ key: String
  ) throws(RecordError) -> [String] {
    guard let texts = try node.texts(key) else { return [] }
    for (text, mark) in texts where text.contains(where: \.isNewline) {
      throw RecordError(
        "\(node.source.text(mark)): \(node.fullName(key)): must be one line each")
    }
    return texts.map(\.text)
  }
}
