import Scheduling
import Workloads

extension ServingChoice {
  /// Reads the section of a job file; nil without one.
  static func read(_ job: inout JobNode, folder: String) throws(RecordError) -> ServingChoice? {
    guard var node = try job.child("serving") else { return nil }
    let systems = try list(&node, "systems") { text throws(SchedulingError) in
      try ServingSystem(parsing: text)
    }
    let isCalibrated = try node.flag("calibrate") ?? false
    let loads = try list(&node, "arrivals") { text throws(WorkloadError) in
      try isCalibrated
        ? ArrivalProcess(parsingMultiples: text) : ArrivalProcess(parsing: text)
    }
    let requests = try readRequests(&node, folder: folder)
    let longest = try node.integer("max-sequence-length", in: 1...(1 << 24))
    guard let longest else {
      throw node.error(
        "max-sequence-length", "is missing; prompt and output of the longest request")
    }
    var choice = ServingChoice(
      systems: systems, loads: loads, requests: requests, maxSequenceLength: longest)
    choice.maxConcurrency = try node.integer("max-concurrency", in: 1...1_000_000)
    choice.maxNumTokens =
      try node.integer("max-num-tokens", in: 1...(1 << 24)) ?? choice.maxNumTokens
    choice.maxBatchSize =
      try node.integer("max-batch-size", in: 1...65_536) ?? choice.maxBatchSize
    choice.blockSize = try node.integer("block-size", in: 1...4096) ?? choice.blockSize
    choice.kvFreeMemoryFraction =
      try node.positive("kv-cache-free-mem-fraction", limit: 1) ?? choice.kvFreeMemoryFraction
    choice.maxTokensInPagedKVCache =
      try node.integer("max-tokens-in-paged-kv-cache", in: 1...(1 << 30))
    if let text = try node.text("slo") {
      do throws(RecordError) {
        choice.levels =
          try isCalibrated ? ServiceLevels(parsingMultiples: text) : ServiceLevels(parsing: text)
      } catch {
        throw node.error("slo", error.description)
      }
    }
    choice.isCalibrated = isCalibrated
    choice.warmupRequests = try node.integer("warm-up-requests", in: 0...requests.count - 1)
    try choice.check(&node)
    try node.finish()
    return choice
  }

  /// Refuses what no scheduler could run whatever memory there is.
  private func check(_ node: inout JobNode) throws(RecordError) {
    for system in systems {
      do { _ = try limits(system, blockCount: 1 << 30 / blockSize, stages: 1) } catch {
        throw node.error("systems", "\(system): \(error)")
      }
    }
    for load in loads {
      if load.isClosed && maxConcurrency != nil {
        throw node.error(
          "max-concurrency", "\(load) has users of its own; leave one of the two out")
      }
      if case .trace = load, case .mix = requests.source {
        throw node.error("arrivals", "trace needs requests of a trace; the job has a mix")
      }
    }
  }

  private static func list<Value: Hashable, Failure: Error>(
    _ node: inout JobNode, _ key: String, _ parse: (String) throws(Failure) -> Value
  ) throws(RecordError) -> [Value] {
    guard let texts = try node.texts(key) else { throw node.error(key, "is missing") }
    var values: [Value] = []
    for (text, mark) in texts {
      let place = "\(node.source.text(mark)): \(node.fullName(key))"
      do {
        let value = try parse(text)
        guard !values.contains(value) else {
          throw RecordError("'\(text)' is there twice")
        }
        values.append(value)
      } catch {
        throw RecordError("\(place): \(error)")
      }
    }
    return values
  }

  private static func readRequests(
    _ node: inout JobNode, folder: String
  ) throws(RecordError) -> ServingRequests {
    guard var requests = try node.child("requests") else {
      throw node.error("requests", "is missing")
    }
    guard let count = try requests.integer("count", in: 1...1_000_000) else {
      throw requests.error("count", "is missing")
    }
    let mix = try requests.children("mix")
    let trace = try requests.text("trace")
    let first = try requests.integer("first", in: 0...1_000_000_000)
    let source: ServingRequests.Source
    switch (mix, trace) {
    case (let mix?, nil):
      if first != nil { throw requests.error("first", "is of traces; a mix is drawn by the seed") }
      var kinds: [RequestKind] = []
      for var kind in mix {
        kinds.append(try readKind(&kind))
        if kinds.dropLast().contains(where: { $0.name == kinds[kinds.count - 1].name }) {
          throw kind.error("name", "'\(kinds[kinds.count - 1].name)' is there twice")
        }
      }
      source = .mix(ServingMix(kinds: kinds))
    case (nil, let trace?):
      source = .trace(path: JobFile.resolve(trace, in: folder), first: first ?? 0)
    default:
      throw requests.error("mix", "the requests need one of: mix, trace")
    }
    let found = ServingRequests(
      count: count, source: source,
      longestPrompt: try requests.integer("longest-prompt", in: 1...Request.longestLength),
      longestOutput: try requests.integer("longest-output", in: 1...Request.longestLength))
    try requests.finish()
    return found
  }

  private static func readKind(_ node: inout JobNode) throws(RecordError) -> RequestKind {
    var kind = RequestKind(
      name: try node.requiredText("name"), prompt: try node.requiredText("prompt"),
      output: try node.requiredText("output"))
    for (key, text) in [("prompt", kind.prompt), ("output", kind.output)] {
      do { _ = try LengthShape(parsing: text) } catch { throw node.error(key, "\(error)") }
    }
    kind.share = try node.positive("share", limit: 1e9) ?? kind.share
    kind.sharedPrefix = try node.integer("shared-prefix", in: 0...Request.longestLength) ?? 0
    kind.prefixes = try node.integer("prefixes", in: 1...1_000_000) ?? 1
    kind.tenants = try node.integer("tenants", in: 1...1_000_000) ?? 1
    kind.priority = try node.integer("priority", in: 0...1_000_000) ?? 0
    try node.finish()
    return kind
  }

  /// The section as lines of a job file.
  var jobLines: [String] {
    func quotedList(_ texts: [String]) -> String {
      "[\(texts.map(JobFile.quoted).joined(separator: ", "))]"
    }
    var lines = [
      "serving:", "  systems: \(quotedList(systems.map(\.description)))",
      "  arrivals: \(quotedList(loads.map(name)))",
    ]
    if let maxConcurrency { lines.append("  max-concurrency: \(maxConcurrency)") }
    lines += [
      "  max-num-tokens: \(maxNumTokens)", "  max-batch-size: \(maxBatchSize)",
      "  max-sequence-length: \(maxSequenceLength)", "  block-size: \(blockSize)",
      "  kv-cache-free-mem-fraction: \(kvFreeMemoryFraction)",
    ]
    if let cap = maxTokensInPagedKVCache {
      lines.append("  max-tokens-in-paged-kv-cache: \(cap)")
    }
    if !levels.isEmpty {
      let text = isCalibrated ? levels.relativeDescription : levels.description
      lines.append("  slo: \(JobFile.quoted(text))")
    }
    if isCalibrated { lines.append("  calibrate: true") }
    if let warmupRequests { lines.append("  warm-up-requests: \(warmupRequests)") }
    lines += ["  requests:", "    count: \(requests.count)"]
    switch requests.source {
    case .trace(let path, let first):
      lines += ["    trace: \(JobFile.quoted(path))", "    first: \(first)"]
    case .mix(let mix):
      lines.append("    mix:")
      for kind in mix.kinds {
        lines.append(
          "      - {name: \(JobFile.quoted(kind.name)), share: \(kind.share), "
            + "prompt: \(JobFile.quoted(kind.prompt)), output: \(JobFile.quoted(kind.output)), "
            + "shared-prefix: \(kind.sharedPrefix), prefixes: \(kind.prefixes), "
            + "tenants: \(kind.tenants), priority: \(kind.priority)}")
      }
    }
    if let longest = requests.longestPrompt { lines.append("    longest-prompt: \(longest)") }
    if let longest = requests.longestOutput { lines.append("    longest-output: \(longest)") }
    return lines
  }
}

extension JobNode {
  /// A list of mappings.
  mutating func children(_ key: String) throws(RecordError) -> [JobNode]? {
    guard let node = node(key) else { return nil }
    guard case .sequence(let items) = node, !items.isEmpty else {
      throw error(key, "expected a list of mappings")
    }
    var out: [JobNode] = []
    for (index, item) in items.enumerated() {
      out.append(try JobNode(item, source: source, path: "\(fullName(key)).\(index)"))
    }
    return out
  }
}
