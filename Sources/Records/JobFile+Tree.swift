import FoundationEssentials
import Yams

/// A job's text as a tree: what it includes, its settings and one variation put in.
struct JobTree {
  var root: Node
  var source: JobSource
  /// The folder that paths in the job are relative to.
  let folder: String
  var axes: JobAxes
}

extension JobFile {
  /// Files that include each other deeper than this include themselves.
  private static let deepestInclude = 8

  static func tree(
    path: String, settings: [String], variation: Int?
  ) throws(RecordError) -> JobTree {
    try tree(
      text(of: path), file: path, folder: folder(of: path), settings: settings,
      variation: variation)
  }

  static func tree(
    _ text: String, file: String, folder: String, settings: [String], variation: Int?
  ) throws(RecordError) -> JobTree {
    var source = JobSource(file: file, text: text)
    guard var root = try compose(text, source) else {
      throw RecordError("\(file): the file is empty")
    }
    try include(into: &root, folder: folder, source: &source, depth: 0)
    for setting in settings { try apply(setting, source: &source, to: &root) }
    let axes = try JobAxes(takenFrom: &root, source: source)
    if let variation { try axes.apply(variation, to: &root, source: source) }
    return JobTree(root: root, source: source, folder: folder, axes: axes)
  }

  private static func text(of path: String) throws(RecordError) -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RecordError("cannot read the job file \(path): no such file or not readable")
    }
    return String(decoding: data, as: UTF8.self)
  }

  static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  static func compose(
    _ text: String, _ source: JobSource
  ) throws(RecordError) -> Node? {
    do { return try Yams.compose(yaml: text) } catch { throw source.explain(error) }
  }

  /// Puts what `include: base.yaml` names under the file: mappings are merged, everything else that
  /// the file says wins.
  private static func include(
    into root: inout Node, folder: String, source: inout JobSource, depth: Int
  ) throws(RecordError) {
    guard case .mapping(var mapping) = root, let entry = mapping["include"] else { return }
    let place = source.text(entry.mark)
    guard let name = entry.string, !name.isEmpty else {
      throw RecordError("\(place): include: expected the path of a job file")
    }
    guard depth < deepestInclude else {
      throw RecordError("\(place): include: \(name): files include each other in a circle")
    }
    let path = resolve(name, in: folder)
    let base: String
    do { base = try text(of: path) } catch {
      throw RecordError("\(place): include: \(error)")
    }
    guard var under = try compose(source.add(base, file: path), source) else {
      throw RecordError("\(path): the file is empty")
    }
    try include(into: &under, folder: self.folder(of: path), source: &source, depth: depth + 1)
    rebase(&under, by: self.folder(of: name))
    mapping["include"] = nil
    root = merged(.mapping(mapping), over: under)
  }

  private static func merged(_ top: Node, over base: Node) -> Node {
    guard case .mapping(let upper) = top, case .mapping(var all) = base else { return top }
    // What a source is (model, workload) is one choice: naming another takes the base's away.
    for (key, value) in upper {
      let below = all[key]
      let isChoice = sources[key.string ?? ""].map { kinds in
        kinds.contains { value.mapping?[Node($0)] != nil }
      }
      all[key] = below.map { isChoice == true ? value : merged(value, over: $0) } ?? value
    }
    return .mapping(all)
  }

  /// Kinds of the two sources, and those among them that are paths.
  private static let sources = [
    "model": ModelSource.Kind.allCases.map(\.rawValue),
    "workload": WorkloadSource.Kind.allCases.map(\.rawValue),
  ]
  static let paths = [
    ("model", ["config", "checkpoint"]), ("workload", ["batches", "study", "sharegpt", "trace"]),
  ]

  /// Makes paths of a file in `folder` relative to the folder that includes it.
  private static func rebase(_ node: inout Node, by folder: String) {
    guard folder != ".", case .mapping(var job) = node else { return }
    for (part, kinds) in paths {
      guard case .mapping(var source)? = job[Node(part)] else { continue }
      for kind in kinds {
        guard case .scalar(var path)? = source[Node(kind)] else { continue }
        path.string = resolve(path.string, in: folder)
        source[Node(kind)] = .scalar(path)
      }
      job[Node(part)] = .mapping(source)
    }
    if case .mapping(var serving)? = job["serving"],
      case .mapping(var requests)? = serving["requests"],
      case .scalar(var path)? = requests["trace"]
    {
      path.string = resolve(path.string, in: folder)
      requests["trace"] = .scalar(path)
      serving["requests"] = .mapping(requests)
      job["serving"] = .mapping(serving)
    }
    if case .scalar(var network)? = job["network"] {
      network.string = VirtualTime.network(network.string) { resolve($0, in: folder) }
      job["network"] = .scalar(network)
    }
    let place = { (name: String) in SimulationChoice.hardware(name) { resolve($0, in: folder) } }
    switch job["hardware"] {
    case .scalar(var name)?:
      name.string = place(name.string)
      job["hardware"] = .scalar(name)
    case .sequence(var names)?:
      for index in names.indices {
        guard case .scalar(var name) = names[index] else { continue }
        name.string = place(name.string)
        names[index] = .scalar(name)
      }
      job["hardware"] = .sequence(names)
    default: break
    }
    node = .mapping(job)
  }
}
