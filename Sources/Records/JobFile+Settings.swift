import Yams

extension JobFile {
  /// Puts a setting, `key.path=value`, into the tree; the value is read as YAML, so lists work:
  /// `layouts=[tp2]`.
  static func apply(
    _ setting: String, source: inout JobSource, to node: inout Node
  ) throws(RecordError) {
    guard let equals = setting.firstIndex(of: "="), equals != setting.startIndex else {
      throw RecordError("--set \(setting): expected key=value, such as repeats=5")
    }
    let keys = setting[..<equals].split(separator: ".", omittingEmptySubsequences: false)
    let text = String(setting[setting.index(after: equals)...])
    guard text.contains(where: { !$0.isWhitespace }), keys.allSatisfy({ !$0.isEmpty }) else {
      throw RecordError("--set \(setting): the key or the value is empty; expected key=value")
    }
    let placed = source.add(text, setting: setting)
    do {
      guard let value = try Yams.compose(yaml: placed) else {
        throw RecordError("--set \(setting): the value is empty")
      }
      try put(value, at: keys.map(String.init)[...], in: &node, place: "--set \(setting)")
    } catch {
      throw source.explain(error)
    }
  }

  /// Puts a value where a dotted key says.
  static func put(
    _ value: Node, at keys: ArraySlice<String>, in node: inout Node, place: String
  ) throws(RecordError) {
    guard let key = keys.first else {
      node = value
      return
    }
    guard case .mapping(var mapping) = node else {
      throw RecordError("\(place): '\(key)' is inside something that has no keys")
    }
    var child = mapping[Node(key)] ?? Node([(Node, Node)]())
    try put(value, at: keys.dropFirst(), in: &child, place: place)
    mapping[Node(key)] = child
    node = .mapping(mapping)
  }
}

extension JobSpecification {
  /// The job as a job file: what every key came to be. Reading it gives the same job back.
  public var yaml: String {
    var lines = ["name: \(JobFile.quoted(name))"]
    if !question.isEmpty { lines.append("question: \(JobFile.quoted(question))") }
    lines += ["model:", "  \(model.kind.rawValue): \(JobFile.quoted(model.value))"]
    if let scale = model.scale { lines.append("  scale: \(JobFile.quoted(scale))") }
    lines += model.overrides.jobEntries.map { "  \($0.0): \($0.1)" }
    lines.append("layouts: [\(layouts.map(\.description).joined(separator: ", "))]")
    lines += serving?.jobLines ?? batchLines
    lines += ["dialect: \(dialect.rawValue)", "tensor-reduction: \(tensorReduction.rawValue)"]
    if let reductionChunks { lines.append("reduction-chunks: \(reductionChunks)") }
    if serving == nil { lines.append("micro-batches: \(microBatches)") }
    lines += [
      "micro-batch-padding: \(microBatchPadding.rawValue)",
      "warm-up: \(warmup)", "repeats: \(repeats)",
      "seed: \(seed)", "backend:", "  kind: \(backend.kind.rawValue)",
      "  blas: \(JobFile.quoted(backend.blas))", "  threads: \(backend.threads)",
    ]
    if backend.kind == .cuda { lines.append("  messages: \(backend.messages.rawValue)") }
    if let graphs = backend.graphs { lines.append("  graphs: \(graphs)") }
    lines += ["verify:", "  sequences: \(verification.sequences)"]
    if mode == .generate { lines.append("  output-tokens: \(verification.outputTokens)") }
    lines += formats?.jobLines ?? []
    lines.append("clock: \(clock.name)")
    lines += (clock.virtualTime?.jobEntries ?? []).map { "\($0.0): \($0.1)" }
    lines += precision?.jobLines ?? []
    if trace == true { lines.append("trace: true") }
    if let warmupBatches { lines.append("warm-up-batches: \(warmupBatches)") }
    if let stepLimit { lines.append("step-limit: \(stepLimit)") }
    lines += simulation?.jobLines(withNetwork: clock == .wall) ?? []
    return lines.joined(separator: "\n") + "\n"
  }

  /// The keys of a job with batches.
  private var batchLines: [String] {
    var lines = [
      "policies: [\(policies.map { JobFile.quoted($0.description) }.joined(separator: ", "))]",
      "workload:", "  \(workload.kind.rawValue): \(JobFile.quoted(workload.value))",
    ]
    let limits: [(String, Int?)] = [
      ("batch-size", workload.batchSize), ("batches-taken", workload.batchCount),
      ("longest", workload.longest), ("first", workload.first == 0 ? nil : workload.first),
    ]
    lines += limits.compactMap { key, value in value.map { "  \(key): \($0)" } }
    if let outputs = workload.outputs { lines.append("  outputs: \(JobFile.quoted(outputs))") }
    lines += (workload.padding?.jobEntries ?? []).map { "  \($0.0): \($0.1)" }
    if mode != .generate { lines.append("phase: \(mode.rawValue)") }
    if let outputTokens { lines.append("output-tokens: \(outputTokens)") }
    return lines
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
      case _ where !scalar.properties.generalCategory.isPrintable:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        out += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}

extension Unicode.GeneralCategory {
  /// False for what a YAML text cannot hold as it is: controls, line separators, format marks.
  fileprivate var isPrintable: Bool {
    switch self {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned,
      .privateUse:
      false
    default: true
    }
  }
}
