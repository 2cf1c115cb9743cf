import Yams

/// The variations of a job that a study runs: `axes` are crossed, the keys of one `zip` advance
/// together.
///
/// ```yaml
/// axes:
///   output-tokens: [2, 8]
///   model.scale: [1/2048, 1/512]
/// zip:
///   - network: [nvlink3-a100, ethernet-10g]
///     nodes: [1, 2]
/// ```
/// gives 2 · 2 · 2 variations of the job, the last axis changing fastest.
public struct JobAxes {
  /// Keys that change together, and their values step by step.
  struct Axis {
    var keys: [String]
    var steps: [[Value]]
  }

  /// A value of a key: as text and as it stands in the file.
  struct Value {
    var text: String
    var place: String
    var node: Node
  }

  var axes: [Axis] = []

  public var isEmpty: Bool { axes.isEmpty }

  /// Variations in all; 1 without axes.
  public var count: Int { axes.reduce(1) { $0 * $1.steps.count } }

  /// More variations than this are a mistake.
  static let most = 100_000

  /// Takes `axes` and `zip` out of a job's tree.
  init(takenFrom root: inout Node, source: JobSource) throws(RecordError) {
    guard case .mapping(var job) = root else { return }
    if let node = job["axes"] {
      for (key, steps) in try Self.entries(node, "axes", source) {
        axes.append(Axis(keys: [key], steps: steps.map { [$0] }))
      }
    }
    if let node = job["zip"] {
      guard case .sequence(let groups) = node else {
        throw RecordError("\(source.text(node.mark)): zip: expected a list of mappings")
      }
      for group in groups { axes.append(try Self.zipped(group, source)) }
    }
    job["axes"] = nil
    job["zip"] = nil
    root = .mapping(job)
    let keys = axes.flatMap(\.keys)
    if let twice = keys.enumerated().first(where: { keys[..<$0.offset].contains($0.element) }) {
      throw RecordError("\(source.file): axes: '\(twice.element)' is varied twice")
    }
    var count = 1
    for axis in axes {
      count *= axis.steps.count
      guard count <= Self.most else {
        throw RecordError("\(source.file): axes: more than \(Self.most) variations")
      }
    }
  }

  private static func zipped(_ node: Node, _ source: JobSource) throws(RecordError) -> Axis {
    let entries = try entries(node, "zip", source)
    guard let first = entries.first else {
      throw RecordError("\(source.text(node.mark)): zip: the mapping is empty")
    }
    if let other = entries.first(where: { $0.values.count != first.values.count }) {
      throw RecordError(
        "\(source.text(node.mark)): zip: \(first.key) has \(first.values.count) values and "
          + "\(other.key) \(other.values.count); zipped keys have as many")
    }
    return Axis(
      keys: entries.map(\.key),
      steps: first.values.indices.map { step in entries.map { $0.values[step] } })
  }

  private static func entries(
    _ node: Node, _ name: String, _ source: JobSource
  ) throws(RecordError) -> [(key: String, values: [Value])] {
    guard case .mapping(let mapping) = node else {
      throw RecordError(
        "\(source.text(node.mark)): \(name): expected keys with lists of values, such as "
          + "output-tokens: [2, 8]")
    }
    var entries: [(String, [Value])] = []
    for (key, list) in mapping {
      let place = source.text(list.mark)
      guard let key = key.string, case .sequence(let items) = list, !items.isEmpty else {
        throw RecordError("\(place): \(name).\(key.string ?? "?"): expected a list of values")
      }
      guard !["name", "question", "include", "axes", "zip"].contains(key) else {
        throw RecordError("\(place): \(name).\(key): cannot be varied")
      }
      var values: [Value] = []
      for item in items {
        let text = Self.flow(item) { $0 }
        guard name == "zip" || !values.contains(where: { $0.text == text }) else {
          throw RecordError("\(source.text(item.mark)): \(name).\(key): '\(text)' is there twice")
        }
        values.append(Value(text: text, place: source.text(item.mark), node: item))
      }
      entries.append((key, values))
    }
    return entries
  }

  /// Keys and values of a variation, the last axis changing fastest.
  func values(_ variation: Int) -> [(key: String, value: Value)] {
    precondition((0..<count).contains(variation), "there is no such variation")
    var rest = variation
    var chosen: [[(String, Value)]] = []
    for axis in axes.reversed() {
      chosen.append(Array(zip(axis.keys, axis.steps[rest % axis.steps.count])))
      rest /= axis.steps.count
    }
    return chosen.reversed().flatMap { $0 }
  }

  /// A value in one line, its texts written by `scalar`.
  private static func flow(_ node: Node, _ scalar: (String) -> String) -> String {
    switch node {
    case .sequence(let items):
      "[" + items.map { flow($0, scalar) }.joined(separator: ", ") + "]"
    case .mapping(let entries):
      "{"
        + entries.map { "\(flow($0.key, scalar)): \(flow($0.value, scalar))" }
        .joined(separator: ", ") + "}"
    default: scalar(node.string ?? "")
    }
  }

  /// The axes as lines of a job file; texts of keys that are paths go through `path`. Empty without
  /// axes.
  public func yaml(path: (String) -> String) -> String {
    let paths = JobFile.paths.flatMap { part, kinds in kinds.map { "\(part).\($0)" } }
    func list(_ axis: Axis, _ index: Int) -> String {
      let key = axis.keys[index]
      let values = axis.steps.map { step in
        Self.flow(step[index].node) { JobFile.quoted(paths.contains(key) ? path($0) : $0) }
      }
      return "\(JobFile.quoted(key)): [\(values.joined(separator: ", "))]"
    }
    // A crossed axis is a zip of one key: written so, the order of all axes stays.
    return axes.isEmpty
      ? ""
      : "zip:\n"
        + axes.map { axis in
          "  - {" + axis.keys.indices.map { list(axis, $0) }.joined(separator: ", ") + "}\n"
        }.joined()
  }

  /// A variation in words, such as `output-tokens=8 model.scale=1/512`; empty without axes.
  /// Layout and clock are left out, which a cell and its times name anyway; of a mapping the first
  /// value stands for all.
  public func text(_ variation: Int) -> String {
    values(variation).filter { $0.key != "layouts" && $0.key != "clock" }.map { key, value in
      let first = value.node.mapping?.first.map { Self.flow($0.value) { $0 } }
      return "\(key)=\(first ?? value.text)"
    }.joined(separator: " ")
  }

  /// Puts a variation's values into the job's tree.
  func apply(_ variation: Int, to root: inout Node, source: JobSource) throws(RecordError) {
    for (key, value) in values(variation) {
      try JobFile.put(
        value.node, at: key.split(separator: ".").map(String.init)[...], in: &root,
        place: "\(value.place): \(key)")
    }
  }
}

extension JobFile {
  /// The axes of a job file.
  public static func axes(
    path: String, settings: [String] = []
  ) throws(RecordError) -> JobAxes {
    try tree(path: path, settings: settings, variation: nil).axes
  }
}
