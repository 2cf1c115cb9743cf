import FoundationEssentials
import Models
import Networks
import Scheduling
import Units
import Workloads

/// A job with its model's shape and its batches in hand, checked as a whole. Needs no MPI, so that
/// the host side refuses a bad job before any rank starts.
public struct ResolvedJob: Sendable, Hashable, Codable {
  public let job: JobSpecification
  public let model: ModelConfiguration
  /// Of a serving job one batch: its first requests, which verification answers one by one.
  public let batches: [Batch]
  /// Indices of batches whose executions are stored but not counted.
  public let warmupBatches: Set<Int>

  /// Loads what the job names.
  /// - Parameters:
  ///   - file: the job file, for the places of errors.
  ///   - settings: the `--set` texts that the job was read with.
  ///   - variation: the variation that it was read with.
  ///   - layouts: the layouts that will run; all of the job's when nil.
  /// - Throws: `RecordError` with the offending file, key or number and the valid choices.
  public init(
    _ job: JobSpecification, file: String, settings: [String] = [], variation: Int? = nil,
    layouts: [ParallelLayout]? = nil
  ) throws(RecordError) {
    let checks = JobChecks(job: job, file: file, settings: settings, variation: variation)
    self.job = job
    model = try checks.model()
    try checks.validateEncoder(model)
    try checks.validateCommunication(model)
    for layout in layouts ?? job.layouts { try checks.validate(layout, for: model) }
    try checks.clock(layouts ?? job.layouts)
    try checks.policies()
    if let serving = job.serving {
      batches = try checks.serving(serving, for: model)
    } else {
      batches = try checks.batches()
    }
    warmupBatches = try checks.warmupBatches(batches)
    for batch in batches where job.serving == nil {
      try checks.validate(batch, for: model)
      for layout in layouts ?? job.layouts { try checks.validate(batch, for: layout) }
    }
  }

  /// Position ids that any plan of the batches uses are below this.
  public var positions: Int {
    if let serving = job.serving { return serving.maxSequenceLength }
    return batches.map { batch in
      let widest = job.policies.map { $0.widestRow(longest: batch.longest) }.max() ?? 1
      return widest + (outputLengths(of: batch).max() ?? 1)
    }.max() ?? 1
  }

  /// Output tokens of each request of a batch; an encoder generates none.
  public func outputLengths(of batch: Batch) -> [Int] {
    job.outputLengths(of: batch, model: model)
  }

  /// The prompt's token ids, per request of a batch.
  public func tokens(of batch: Batch) throws(WorkloadError) -> [[Int32]] {
    let source = try TokenSource(seed: job.seed, vocabularySize: model.vocabularySize)
    return batch.requests.map { source.tokens(for: $0) }
  }
}

extension JobSpecification {
  /// Output tokens of each request: none of an encoder or where prompts are scored, else the job's,
  /// else the request's own, else 1.
  func outputLengths(of batch: Batch, model: ModelConfiguration) -> [Int] {
    if model.isEncoder || mode == .score { return batch.requests.map { _ in 0 } }
    return batch.requests.map { outputTokens ?? $0.outputLength ?? 1 }
  }
}

extension JobChecks {
  /// The first batches of each padding pair, or of all where no pairs were asked for.
  func warmupBatches(_ batches: [Batch]) throws(RecordError) -> Set<Int> {
    guard let count = job.warmupBatches else { return [] }
    var seen: [PaddingPair?: Int] = [:]
    let warm = batches.indices.filter { index in
      let before = seen[batches[index].target, default: 0]
      seen[batches[index].target] = before + 1
      return before < count
    }
    return try at("warm-up-batches") {
      guard let fewest = seen.values.min(), fewest > count else {
        throw RecordError(
          "\(count) batches would warm up of \(seen.values.min() ?? 0); at least one must count")
      }
      return Set(warm)
    }
  }
}

/// Loads the parts of a job and says where in the job file what is wrong stands.
struct JobChecks {
  let job: JobSpecification
  let file: String
  let settings: [String]
  let variation: Int?

  /// Runs `body`; an error that does not name a file of its own gets the place of `key`.
  func at<Value>(
    _ key: String, item: String? = nil, _ body: () throws -> Value
  ) throws(RecordError) -> Value {
    do {
      return try body()
    } catch let error as ModelError where error.file != nil {
      throw RecordError("\(error)")
    } catch let error as WorkloadError where error.file != nil {
      throw RecordError("\(error)")
    } catch {
      let place = JobPlaces(file: file, settings: settings, variation: variation)
        .text(key, item: item)
      throw RecordError("\(place): \(error)")
    }
  }

  func model() throws(RecordError) -> ModelConfiguration {
    let source = job.model
    var model = try at("model.\(source.kind.rawValue)") {
      switch source.kind {
      case .preset: try ModelConfiguration.preset(source.value)
      case .config, .checkpoint: try ModelConfiguration(contentsOf: source.value)
      }
    }
    if let scale = source.scale {
      model = try at("model.scale") { try model.scaled(by: ScaleFactor(parsing: scale)) }
    }
    if let key = source.overrides.jobEntries.first?.0 {
      model = try at("model.\(key)") { try model.overriding(source.overrides) }
    }
    return model
  }

  /// An encoder generates nothing and sees whole rows.
  func validateEncoder(_ model: ModelConfiguration) throws(RecordError) {
    guard model.isEncoder else { return }
    if job.mode == .score {
      try at("phase") {
        throw RecordError(
          "\(model.name) is an encoder, which predicts no next token to score; leave phase out")
      }
    }
    for policy in job.policies {
      try at("policies", item: policy.description) { try model.validate(policy) }
    }
    guard let tokens = job.outputTokens, tokens != 1 else { return }
    try at("output-tokens") {
      throw RecordError(
        "\(model.name) is an encoder and generates nothing; leave output-tokens out (found \(tokens))"
      )
    }
  }

  /// Refuses policies that make no sense for what the job does.
  func policies() throws(RecordError) {
    guard job.mode == .score else { return }
    for policy in job.policies {
      try at("policies", item: policy.description) { try BatchPlan.checkScore(policy) }
    }
  }

  func validate(_ layout: ParallelLayout, for model: ModelConfiguration) throws(RecordError) {
    try at("layouts", item: layout.description) {
      try layout.validate(for: model)
      try validateSlices(layout, for: model)
    }
  }

  /// Refuses what the virtual clock cannot time.
  func clock(_ layouts: [ParallelLayout]) throws(RecordError) {
    guard let time = job.clock.virtualTime else { return }
    if job.backend.threads > 1 {
      try at("backend.threads") {
        throw RecordError(
          "\(job.backend.threads) threads: the virtual clock counts the processor time of one "
            + "thread a rank; take 1 thread, or clock: wall")
      }
    }
    let network = try at("network") { try Network(parsing: time.network) }
    for layout in layouts {
      let ranks = layout.worldSize
      let nodes = try at("nodes") {
        do { return try time.nodes.nodes(ranks: ranks) } catch {
          throw RecordError("layout \(layout): \(error)")
        }
      }
      let count = (nodes.last ?? 0) + 1
      _ = try at("network") { try network.nodeIndices(ranks: ranks, nodes: count) }
    }
  }

  func validate(_ batch: Batch, for layout: ParallelLayout) throws(RecordError) {
    guard batch.count < layout.data else { return }
    try at("layouts", item: layout.description) {
      throw RecordError(
        "\(layout) has \(layout.data) replicas and batch \(batch.id) only \(batch.count) requests; "
          + "each replica needs one")
    }
  }

  func validate(_ batch: Batch, for model: ModelConfiguration) throws(RecordError) {
    try at("workload.\(job.workload.kind.rawValue)") {
      try batch.validate(contextLimit: .max, vocabularySize: model.vocabularySize)
      for (row, output) in job.outputLengths(of: batch, model: model).enumerated() {
        let prompt = batch.requests[row].promptLength
        guard prompt + output > model.maxPositions else { continue }
        throw RecordError(
          "batch \(batch.id), row \(row): a prompt of \(prompt) tokens and \(output) output tokens "
            + "exceed the context of \(model.name), \(model.maxPositions)")
      }
    }
  }

  func batches() throws(RecordError) -> [Batch] {
    let source = job.workload
    let batches = try at("workload.\(source.kind.rawValue)") { try load() }
    if let longest = source.longest {
      return try at("workload.longest") { try batches.map { try Self.cut($0, to: longest) } }
    }
    return batches
  }

  private func load() throws -> [Batch] {
    let source = job.workload
    let limits = LengthLimits(empty: .drop)
    switch source.kind {
    case .batches: return try taken(BatchFile(contentsOf: source.value).batches)
    case .study:
      var isFolder = false
      guard FileManager.default.fileExists(atPath: source.value, isDirectory: &isFolder), isFolder
      else { return try taken(StudyCell(contentsOf: source.value).batches.map(\.batch)) }
      return try StudyFolder(source.value)
        .batches(first: source.first, count: source.batchCount).map(cutRows)
    case .sharegpt:
      guard source.first == 0 else {
        throw RecordError("its batches are drawn at random by the seed; leave out workload.first")
      }
      return try drawn(
        .shareGPT(contentsOf: source.value, limits: limits), .random(seed: job.seed))
    case .trace:
      return try drawn(
        .trace(contentsOf: source.value, limits: limits), .consecutive(offset: source.first))
    case .generate:
      let count = (source.batchSize ?? 16) * (source.batchCount ?? 4) + source.first
      return try drawn(
        .generated(LengthShape(parsing: source.value), count: count, seed: job.seed),
        .consecutive(offset: source.first))
    case .padRatio:
      guard let padding = source.padding else { throw RecordError("has no spread") }
      return try padding.batches(
        rows: source.batchSize ?? 16, count: source.batchCount ?? 2, longest: source.longest,
        seed: job.seed)
    }
  }

  /// Whole batches of a file: those from `first` on, each with the requests that the job asks for.
  private func taken(_ batches: [Batch]) throws -> [Batch] {
    let source = job.workload
    let rest = batches.dropFirst(source.first)
    guard !rest.isEmpty, rest.count >= source.batchCount ?? 1 else {
      throw RecordError(
        "\(source.value) has \(batches.count) batches; batches-taken is "
          + "\(source.batchCount.map(String.init) ?? "not set") and first \(source.first)")
    }
    return try rest.prefix(source.batchCount ?? .max).map(cutRows)
  }

  /// The batch's first requests, as many as the job asks for.
  private func cutRows(_ batch: Batch) throws -> Batch {
    guard let size = job.workload.batchSize else { return batch }
    guard batch.count >= size else {
      throw RecordError(
        "batch \(batch.id) of \(job.workload.value) has \(batch.count) requests; batch-size is \(size)"
      )
    }
    return try batch.replacing(Array(batch.requests.prefix(size)))
  }

  private func drawn(_ list: RequestList, _ order: DrawOrder) throws -> [Batch] {
    var list = list
    if let outputs = job.workload.outputs {
      list = try list.withOutputs(OutputLengths(parsing: outputs), seed: job.seed)
    }
    return try list.batches(
      size: job.workload.batchSize ?? 16, count: job.workload.batchCount ?? 4, order: order)
  }

  /// The batch with prompts of at most `longest` tokens: what is longer loses its end.
  private static func cut(_ batch: Batch, to longest: Int) throws -> Batch {
    try batch.replacing(
      batch.requests.map { request in
        guard request.promptLength > longest else { return request }
        return try Request(
          id: request.id, promptLength: longest, outputLength: request.outputLength,
          tokens: request.tokens.map { Array($0.prefix(longest)) }, arrival: request.arrival)
      })
  }
}
