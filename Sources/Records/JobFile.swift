import Models
import Scheduling

/// Reads and writes job files.
public enum JobFile {
  /// Reads a job from `path`. Paths inside it are relative to the file's folder.
  /// - Parameters:
  ///   - settings: `key.path=value` texts that replace what the file says.
  ///   - variation: which of the job's variations (`JobAxes`), counted from 0; nil for the job as it
  ///     stands without its axes.
  /// - Throws: `RecordError` with file, line, column and valid choices.
  public static func read(
    path: String, settings: [String] = [], variation: Int? = nil
  ) throws(RecordError) -> JobSpecification {
    try specification(tree(path: path, settings: settings, variation: variation))
  }

  /// Parses the text of a job file.
  public static func parse(
    _ text: String, file: String, folder: String, settings: [String] = [], variation: Int? = nil
  ) throws(RecordError) -> JobSpecification {
    try specification(
      tree(text, file: file, folder: folder, settings: settings, variation: variation))
  }

  private static func specification(_ tree: JobTree) throws(RecordError) -> JobSpecification {
    var job = try JobNode(
      tree.root, source: tree.source, path: "", table: JobKey.paths)
    let specification = try specification(&job, folder: tree.folder)
    try job.finish()
    return specification
  }

  private static func specification(
    _ job: inout JobNode, folder: String
  ) throws(RecordError) -> JobSpecification {
    let name = try job.requiredText("name")
    guard name.allSatisfy({ $0.isLetter || $0.isNumber || "-_.".contains($0) }),
      !name.hasPrefix(".")
    else {
      throw job.error(
        "name", "'\(name)' must consist of letters, digits, '-', '_' and '.', not led by '.'")
    }
    let question = try job.text("question") ?? ""
    let model = try modelSource(&job, folder: folder)
    let layouts = try list(&job, "layouts") { text throws(RecordError) in
      do { return try ParallelLayout(parsing: text) } catch { throw RecordError("\(error)") }
    }
    let serving = try ServingChoice.read(&job, folder: folder)
    try refuseBatches(in: &job, because: serving)
    let policies: [Policy] =
      serving != nil
      ? [.packed]
      : try list(&job, "policies") { text throws(RecordError) in
        do { return try Policy(parsing: text) } catch { throw RecordError("\(error)") }
      }
    let workload = serving != nil ? .serving : try workloadSource(&job, folder: folder)
    let mode = try job.choice("phase", JobMode.self) ?? .generate
    let outputs = try job.integer("output-tokens", in: 1...1_000_000)
    if mode == .score && outputs != nil {
      throw job.error("output-tokens", "phase score generates nothing; leave it out")
    }
    let micro = try job.integer("micro-batches", in: 1...4096) ?? 1
    let padding = try job.choice("micro-batch-padding", MicroBatchPadding.self) ?? .global
    let (dialect, reduction, chunks) = try communication(&job)
    let warmup = try job.integer("warm-up", in: 0...1000) ?? (serving == nil ? 1 : 0)
    let warmupBatches = try job.integer("warm-up-batches", in: 0...1_000_000)
    let repeats = try job.integer("repeats", in: 1...100_000) ?? 3
    let seed = try job.integer("seed", in: 0...Int.max) ?? 1
    let precision = try PrecisionRule.read(&job, repeats: repeats, policies: policies.count)
    let formats = try NumberFormats.read(&job)
    let trace = try job.flag("trace") == true ? true : nil
    return JobSpecification(
      name: name, question: question, model: model, layouts: layouts, policies: policies,
      workload: workload, outputTokens: outputs, microBatches: micro, microBatchPadding: padding,
      warmup: warmup, warmupBatches: warmupBatches == 0 ? nil : warmupBatches,
      repeats: repeats, seed: UInt64(seed), backend: try backend(&job, mode),
      verification: try verification(&job, mode), mode: mode, dialect: dialect,
      tensorReduction: reduction, reductionChunks: chunks, clock: try clock(&job, folder),
      precision: precision, trace: trace, formats: formats, stepLimit: try stepLimit(&job),
      simulation: try SimulationChoice.read(&job, folder: folder), serving: serving)
  }

  /// A serving job has requests and systems instead of batches and policies.
  private static func refuseBatches(
    in job: inout JobNode, because serving: ServingChoice?
  ) throws(RecordError) {
    guard serving != nil else { return }
    for (key, instead) in [
      ("policies", "serving.systems"), ("workload", "serving.requests"),
      ("phase", "nothing: requests are answered"), ("micro-batches", "nothing"),
      ("output-tokens", "serving.requests"),
    ] where job.node(key) != nil {
      throw job.error(key, "is of jobs with batches; a job with serving takes \(instead)")
    }
    // What a written job spells out for no batches is let through: none.
    for (key, instead) in [
      ("warm-up", "serving.warm-up-requests, which leaves out the first of each run"),
      ("warm-up-batches", "serving.warm-up-requests"), ("until-ci", "repeats"),
      ("most-repeats", "repeats"), ("trace", "nothing"),
    ] {
      guard let text = try job.text(key), !["0", "false"].contains(text) else { continue }
      throw job.error(key, "is of jobs with batches; a job with serving takes \(instead)")
    }
  }

  private static func stepLimit(_ job: inout JobNode) throws(RecordError) -> StepLimit {
    guard let text = try job.text("step-limit") else { return .standard }
    guard let limit = StepLimit(parsing: text) else {
      throw job.error(
        "step-limit",
        "'\(text)' is not a limit; take seconds above 0 (60), a multiple of the slowest step, from 2 "
          + "on (20x), or off")
    }
    return limit
  }

  /// The keys of the virtual clock are read under either, so that one job can be run with both.
  private static func clock(
    _ job: inout JobNode, _ folder: String
  ) throws(RecordError) -> ClockChoice {
    enum Name: String, CaseIterable { case wall, virtual }
    let name = try job.choice("clock", Name.self) ?? .wall
    let network = try job.text("network")
    let nodes = try job.integer("nodes", in: 1...1_000_000)
    let ranksPerNode = try job.integer("ranks-per-node", in: 1...1_000_000)
    if nodes != nil && ranksPerNode != nil {
      throw job.error("ranks-per-node", "nodes is given too; take one of: nodes, ranks-per-node")
    }
    var time = VirtualTime(
      network: "", nodes: ranksPerNode.map { .ranksPerNode($0) } ?? .count(nodes ?? 1))
    time.computeScale = try job.positive("compute-scale", limit: 1e6) ?? time.computeScale
    time.decodeScale = try job.positive("decode-scale", limit: 1e6)
    time.token = try job.choice("compute-token", TokenChoice.self) ?? time.token
    guard name == .virtual else { return .wall }
    guard let network else {
      throw job.error(
        "network", "is missing; the virtual clock needs a network, such as nvlink3-a100")
    }
    time.network = VirtualTime.network(network) { resolve($0, in: folder) }
    return .virtual(time)
  }

  private static func list<Value: Hashable>(
    _ job: inout JobNode, _ key: String, _ parse: (String) throws(RecordError) -> Value
  ) throws(RecordError) -> [Value] {
    guard let texts = try job.texts(key) else { throw job.error(key, "is missing") }
    var values: [Value] = []
    for (text, mark) in texts {
      let value: Value
      do { value = try parse(text) } catch {
        throw RecordError("\(job.source.text(mark)): \(job.fullName(key)): \(error)")
      }
      guard !values.contains(value) else {
        throw RecordError(
          "\(job.source.text(mark)): \(job.fullName(key)): '\(text)' is there twice")
      }
      values.append(value)
    }
    return values
  }

  private static func modelSource(
    _ job: inout JobNode, folder: String
  ) throws(RecordError) -> ModelSource {
    guard var node = try job.child("model") else { throw job.error("model", "is missing") }
    let (kind, value) = try exactlyOne(of: ModelSource.Kind.self, in: &node)
    let dimension = 1...(1 << 30)
    var overrides = ModelOverrides()
    for (key, field) in ModelOverrides.jobKeys {
      overrides[keyPath: field] = try node.integer(key, in: dimension)
    }
    let scale = try node.text("scale")
    if kind == .checkpoint, let key = scale != nil ? "scale" : overrides.jobEntries.first?.0 {
      throw node.error(key, "a checkpoint has the shape it has; leave \(key) out, or use preset")
    }
    try node.finish()
    return ModelSource(
      kind: kind, value: kind == .preset ? value : resolve(value, in: folder), scale: scale,
      overrides: overrides)
  }

  private static func workloadSource(
    _ job: inout JobNode, folder: String
  ) throws(RecordError) -> WorkloadSource {
    guard var node = try job.child("workload") else { throw job.error("workload", "is missing") }
    let (kind, value) = try exactlyOne(of: WorkloadSource.Kind.self, in: &node)
    let padding = kind == .padRatio ? try paddingRequest(value, &node) : nil
    let isPath = kind != .generate && kind != .padRatio
    let source = WorkloadSource(
      kind: kind, value: isPath ? resolve(value, in: folder) : value,
      batchSize: try node.integer("batch-size", in: 1...1_000_000),
      batchCount: try node.integer("batches-taken", in: 1...1_000_000),
      longest: try node.integer("longest", in: 1...100_000_000),
      first: try node.integer("first", in: 0...1_000_000_000) ?? 0,
      outputs: try node.text("outputs"), padding: padding)
    try node.finish()
    return source
  }

  private static func verification(
    _ job: inout JobNode, _ mode: JobMode
  ) throws(RecordError) -> VerificationChoice {
    guard var node = try job.child("verify") else { return VerificationChoice() }
    let standard = VerificationChoice()
    let outputs = try node.integer("output-tokens", in: 1...4096)
    if mode == .score && outputs != nil {
      throw node.error("output-tokens", "phase score generates nothing; leave it out")
    }
    let choice = VerificationChoice(
      sequences: try node.integer("sequences", in: 1...4096) ?? standard.sequences,
      outputTokens: outputs ?? standard.outputTokens)
    try node.finish()
    return choice
  }

  /// The one key of `Kind` that the mapping has, with its text.
  private static func exactlyOne<Kind: RawRepresentable & CaseIterable>(
    of type: Kind.Type, in node: inout JobNode
  ) throws(RecordError) -> (Kind, String) where Kind.RawValue == String {
    var found: [(Kind, String)] = []
    for kind in Kind.allCases {
      if let texts = try node.texts(kind.rawValue) {
        found.append((kind, texts.map(\.text).joined(separator: ",")))
      }
    }
    let names = Kind.allCases.map(\.rawValue).joined(separator: ", ")
    guard let first = found.first else {
      throw RecordError("\(node.source.text(node.mark)): \(node.path) needs one of: \(names)")
    }
    guard found.count == 1 else {
      throw node.error(
        found[1].0.rawValue, "\(first.0.rawValue) is given too; take one of: \(names)")
    }
    return first
  }

  static func resolve(_ path: String, in folder: String) -> String {
    path.hasPrefix("/") || folder == "." ? path : folder + "/" + path
  }
}

extension ModelOverrides {
  /// Keys of a job file and the dimension that each sets.
  static var jobKeys: [(String, WritableKeyPath<ModelOverrides, Int?>)] {
    [
      ("layers", \.layerCount), ("hidden", \.hiddenSize), ("heads", \.queryHeads),
      ("kv-heads", \.kvHeads), ("head-dimension", \.headDimension),
      ("feed-forward", \.feedForwardSize), ("vocabulary", \.vocabularySize),
      ("max-positions", \.maxPositions),
    ]
  }

  /// Key and value of the dimensions that are set.
  var jobEntries: [(String, Int)] {
    Self.jobKeys.compactMap { key, field in self[keyPath: field].map { (key, $0) } }
  }
}
