import Yams

extension JobFile {
  /// Puts `key.path=value` into the tree; the value is read as YAML, so lists work: `layouts=[tp2]`.
  static func apply(_ setting: String, to node: inout Node) throws(RecordError) {
    guard let equals = setting.firstIndex(of: "="), equals != setting.startIndex else {
      throw RecordError("--set \(setting): expected key=value, such as repeats=5")
    }
    let keys = setting[..<equals].split(separator: ".", omittingEmptySubsequences: false)
    let text = String(setting[setting.index(after: equals)...])
    let value: Node
    do {
      guard let parsed = try Yams.compose(yaml: text) else {
        throw RecordError("--set \(setting): the value is empty")
      }
      value = parsed
    } catch let error as RecordError {
      throw error
    } catch {
      throw RecordError("--set \(setting): the value is not YAML: \(error)")
    }
    try put(value, at: keys.map(String.init)[...], in: &node, setting: setting)
  }

  private static func put(
    _ value: Node, at keys: ArraySlice<String>, in node: inout Node, setting: String
  ) throws(RecordError) {
    guard let key = keys.first else {
      node = value
      return
    }
    guard case .mapping(var mapping) = node else {
      throw RecordError("--set \(setting): '\(key)' is inside something that has no keys")
    }
    var child = mapping[Node(key)] ?? Node([(Node, Node)]())
    try put(value, at: keys.dropFirst(), in: &child, setting: setting)
    mapping[Node(key)] = child
    node = .mapping(mapping)
  }
}

extension JobSpecification {
  /// The job as a job file: what every key came to be. Reading it gives the same job back.
  public var yaml: String {
    var lines = ["name: \(name)"]
    if !question.isEmpty { lines.append("question: \(JobFile.quoted(question))") }
    lines += ["model:", "  \(model.kind.rawValue): \(JobFile.quoted(model.value))"]
    if let scale = model.scale { lines.append("  scale: \(scale)") }
    lines += model.overrides.jobEntries.map { "  \($0.0): \($0.1)" }
    lines.append("layouts: [\(layouts.map(\.description).joined(separator: ", "))]")
    lines.append("policies: [\(policies.map(\.description).joined(separator: ", "))]")
    lines += ["workload:", "  \(workload.kind.rawValue): \(JobFile.quoted(workload.value))"]
    let limits: [(String, Int?)] = [
      ("batch-size", workload.batchSize), ("batches-taken", workload.batchCount),
      ("longest", workload.longest), ("first", workload.first == 0 ? nil : workload.first),
    ]
    lines += limits.compactMap { key, value in value.map { "  \(key): \($0)" } }
    if let outputTokens { lines.append("output-tokens: \(outputTokens)") }
    lines += [
      "micro-batches: \(microBatches)", "warm-up: \(warmup)", "repeats: \(repeats)",
      "seed: \(seed)", "backend:", "  kind: \(backend.kind.rawValue)",
      "  blas: \(JobFile.quoted(backend.blas))", "  threads: \(backend.threads)", "verify:",
      "  sequences: \(verification.sequences)", "  output-tokens: \(verification.outputTokens)",
    ]
    return lines.joined(separator: "\n") + "\n"
  }
}

extension JobFile {
  /// A double-quoted YAML text.
  static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
