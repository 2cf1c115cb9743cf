import Yams

/// A mapping of a hardware file while it is read: hands out values by key, knows where each stands,
/// and complains about keys that nobody asked for.
struct HardwareNode {
  let file: String
  /// Dotted path of the mapping, empty at the top.
  let path: String
  private let line: Int?
  private var entries: [(key: String, node: Node)] = []
  private var known: [String] = []

  /// Reads a whole file.
  init(parsing text: String, file: String) throws(HardwareError) {
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch {
      throw Self.explain(error, file)
    }
    guard let root else { throw HardwareError(.file, file: file, "the file is empty") }
    try self.init(root, file: file, path: "")
  }

  private init(_ node: Node, file: String, path: String) throws(HardwareError) {
    self.file = file
    self.path = path
    line = node.mark?.line
    guard case .mapping(let mapping) = node else {
      throw HardwareError(
        .file, file: file, line: line,
        "\(path.isEmpty ? "the file" : path) must be a mapping of keys to values")
    }
    for (key, value) in mapping {
      guard let name = key.string else {
        throw HardwareError(.file, file: file, line: key.mark?.line, "a key must be text")
      }
      entries.append((name, value))
    }
  }

  private static func explain(_ error: any Error, _ file: String) -> HardwareError {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      HardwareError(.file, file: file, line: mark.line, "not YAML: \(problem)")
    case .duplicatedKeysInMapping(let names, let context):
      HardwareError(
        .file, file: file, line: context.mark.line,
        "key '\(names.first ?? "?")' is there twice")
    default:
      HardwareError(.file, file: file, "not YAML: \(error)")
    }
  }

  /// The keys as the file has them, for mappings whose keys are names.
  var keys: [String] { entries.map(\.key) }

  /// A path in the file, which is relative to the file's folder.
  func path(of name: String) -> String {
    guard !name.hasPrefix("/"), let end = file.lastIndex(of: "/") else { return name }
    return file[...end] + name
  }

  private func fullName(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  /// An error at the place of `key`, or of the mapping when the key is absent.
  func error(
    _ key: String, _ text: String, kind: HardwareError.Kind = .value
  ) -> HardwareError {
    let line = entries.first { $0.key == key }?.node.mark?.line ?? line
    return HardwareError(kind, file: file, line: line, "\(fullName(key)): \(text)")
  }

  private mutating func node(_ key: String) -> Node? {
    known.append(key)
    return entries.first { $0.key == key }?.node
  }

  mutating func child(_ key: String) throws(HardwareError) -> HardwareNode? {
    guard let node = node(key) else { return nil }
    return try HardwareNode(node, file: file, path: fullName(key))
  }

  mutating func text(_ key: String) throws(HardwareError) -> String? {
    guard let node = node(key) else { return nil }
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
      throw error(key, "expected text")
    }
    return scalar.string
  }

  /// A finite number above 0, or from 0 on with `orZero`, and at most `limit`.
  mutating func number(
    _ key: String, limit: Double = 1e18, orZero: Bool = false
  ) throws(HardwareError) -> Double? {
    guard let text = try text(key) else { return nil }
    guard let value = Double(text), value > 0 || orZero && value == 0, value <= limit else {
      throw error(
        key, "'\(text)' is not a number \(orZero ? "from 0 on" : "above 0") and at most \(limit)")
    }
    return value
  }

  mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(HardwareError) -> Int? {
    guard let text = try text(key) else { return nil }
    guard let value = Int(text), range.contains(value) else {
      throw error(
        key, "'\(text)' is not a whole number of \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// Refuses keys that nobody asked for, with the nearest that exist.
  func finish() throws(HardwareError) {
    for (key, _) in entries where !known.contains(key) {
      throw error(key, "unknown key; \(NearestName.text(key, among: known))")
    }
  }
}
