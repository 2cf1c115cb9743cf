import Yams

/// A mapping of a job file while it is read: hands out values by key, knows where each stands, and
/// complains about keys that nobody asked for.
struct JobNode {
  let source: JobSource
  /// Dotted path of the mapping, empty at the top.
  let path: String
  let mark: Mark?
  /// Paths of the keys that exist; nil where none but the reader's own code says so.
  private let table: Set<String>?
  private var entries: [(key: String, node: Node)]
  private var known: [String] = []

  init(
    _ node: Node, source: JobSource, path: String, table: Set<String>? = nil
  ) throws(RecordError) {
    self.source = source
    self.table = table
    self.path = path
    mark = node.mark
    guard case .mapping(let mapping) = node else {
      throw RecordError(
        "\(source.text(mark)): \(path.isEmpty ? "the file" : path) must be a mapping of keys to values"
      )
    }
    entries = []
    for (key, value) in mapping {
      guard let name = key.string else {
        throw RecordError("\(source.text(key.mark ?? mark)): a key must be text")
      }
      entries.append((name, value))
    }
  }

  /// An error at the place of `key`, or of the mapping when the key is absent.
  func error(_ key: String, _ text: String) -> RecordError {
    let mark = entries.first { $0.key == key }?.node.mark ?? mark
    return RecordError("\(source.text(mark)): \(fullName(key)): \(text)")
  }

  func fullName(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  mutating func node(_ key: String) -> Node? {
    precondition(
      table?.contains(JobKey.tablePath(fullName(key))) != false,
      "the key \(fullName(key)) is read but missing from JobKey.all")
    known.append(key)
    return entries.first { $0.key == key }?.node
  }

  mutating func child(_ key: String) throws(RecordError) -> JobNode? {
    guard let node = node(key) else { return nil }
    return try JobNode(node, source: source, path: fullName(key), table: table)
  }

  /// A list of mappings.
  mutating func children(_ key: String) throws(RecordError) -> [JobNode]? {
    guard let node = node(key) else { return nil }
    guard case .sequence(let items) = node, !items.isEmpty else {
      throw error(key, "expected a list of mappings")
    }
    var out: [JobNode] = []
    for (index, item) in items.enumerated() {
      out.append(
        try JobNode(item, source: source, path: "\(fullName(key)).\(index)", table: table))
    }
    return out
  }

  mutating func text(_ key: String) throws(RecordError) -> String? {
    guard let node = node(key) else { return nil }
    guard case .scalar(let scalar) = node, !scalar.string.isEmpty else {
      throw error(key, "expected text")
    }
    return scalar.string
  }

  mutating func flag(_ key: String) throws(RecordError) -> Bool? {
    guard let text = try text(key) else { return nil }
    guard let value = Bool(text) else {
      throw error(key, "unknown value '\(text)'; valid choices: true, false")
    }
    return value
  }

  /// The keys as the file has them, for mappings whose keys are names of the user's.
  var keys: [String] { entries.map(\.key) }

  mutating func requiredText(_ key: String) throws(RecordError) -> String {
    guard let value = try text(key) else { throw error(key, "is missing") }
    return value
  }

  mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(RecordError) -> Int? {
    guard let text = try text(key) else { return nil }
    guard let value = Int(text) else {
      throw error(key, "'\(text)' is not a whole number")
    }
    guard range.contains(value) else {
      let upper = range.upperBound == Int.max ? "" : " and at most \(range.upperBound)"
      throw error(key, "\(value) is out of range; it must be at least \(range.lowerBound)\(upper)")
    }
    return value
  }

  /// A number above 0 and at most `limit`.
  mutating func positive(_ key: String, limit: Double) throws(RecordError) -> Double? {
    guard let text = try text(key) else { return nil }
    guard let value = Double(text), value > 0, value <= limit else {
      throw error(key, "'\(text)' is not a number above 0 and at most \(limit)")
    }
    return value
  }

  mutating func choice<Value: RawRepresentable & CaseIterable>(
    _ key: String, _ type: Value.Type
  ) throws(RecordError) -> Value? where Value.RawValue == String {
    guard let text = try text(key) else { return nil }
    guard let value = Value(rawValue: text) else {
      throw error(
        key,
        "unknown value '\(text)'; valid choices: "
          + Value.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return value
  }

  /// A list of texts; one text alone counts as a list of one.
  mutating func texts(_ key: String) throws(RecordError) -> [(text: String, mark: Mark?)]? {
    guard let node = node(key) else { return nil }
    let items: [Node]
    switch node {
    case .sequence(let sequence): items = Array(sequence)
    default: items = [node]
    }
    var out: [(String, Mark?)] = []
    for item in items {
      guard case .scalar(let scalar) = item, !scalar.string.isEmpty else {
        throw error(key, "expected a list of texts")
      }
      out.append((scalar.string, item.mark ?? mark))
    }
    guard !out.isEmpty else { throw error(key, "the list is empty") }
    return out
  }

  /// Refuses keys that nobody asked for, naming those that exist.
  func finish() throws(RecordError) {
    for (key, node) in entries where !known.contains(key) {
      throw RecordError(
        "\(source.text(node.mark ?? mark)): unknown key '\(fullName(key))'; valid keys: "
          + known.sorted().joined(separator: ", "))
    }
  }
}
