import Models
import Units
import Workloads

/// A job with its model's shape and its batches in hand, checked as a whole. Needs no MPI, so that
/// the host side refuses a bad job before any rank starts.
public struct ResolvedJob: Sendable, Hashable, Codable {
  public let job: JobSpecification
  public let model: ModelConfiguration
  public let batches: [Batch]

  /// Loads what the job names.
  /// - Parameter layouts: the layouts that will run; all of the job's when nil.
  /// - Throws: `RecordError` with the offending file, key or number and the valid choices.
  public init(
    _ job: JobSpecification, file: String, layouts: [ParallelLayout]? = nil
  ) throws(RecordError) {
    self.job = job
    do {
      model = try Self.model(of: job.model)
      for layout in layouts ?? job.layouts { try layout.validate(for: model) }
      let limit = job.outputTokens ?? 0
      batches = try Self.batches(of: job, outputTokens: job.outputTokens)
      for batch in batches {
        try batch.validate(
          contextLimit: model.maxPositions, outputs: limit, vocabularySize: model.vocabularySize)
      }
    } catch let error as RecordError {
      throw error
    } catch {
      throw RecordError("\(file): \(error)")
    }
  }

  /// Position ids that any plan of the batches uses are below this.
  public var positions: Int {
    batches.map { $0.longest + (outputLengths(of: $0).max() ?? 1) }.max() ?? 1
  }

  /// Output tokens of each request of a batch.
  public func outputLengths(of batch: Batch) -> [Int] {
    batch.requests.map { job.outputTokens ?? $0.outputLength ?? 1 }
  }

  /// The prompt's token ids, per request of a batch.
  public func tokens(of batch: Batch) throws(WorkloadError) -> [[Int32]] {
    let source = try TokenSource(seed: job.seed, vocabularySize: model.vocabularySize)
    return batch.requests.map { source.tokens(for: $0) }
  }

  private static func model(of source: ModelSource) throws -> ModelConfiguration {
    var model: ModelConfiguration
    switch source.kind {
    case .preset: model = try .preset(source.value)
    case .config, .checkpoint: model = try ModelConfiguration(contentsOf: source.value)
    }
    if let scale = source.scale { model = try model.scaled(by: ScaleFactor(parsing: scale)) }
    return source.overrides.isEmpty ? model : try model.overriding(source.overrides)
  }

  private static func batches(of job: JobSpecification, outputTokens: Int?) throws -> [Batch] {
    let source = job.workload
    let limits = LengthLimits(
      maximumPrompt: source.longest, overlong: source.longest == nil ? .reject : .clip,
      empty: .drop)
    switch source.kind {
    case .batches:
      return try taken(BatchFile(contentsOf: source.value).batches, source)
    case .study:
      return try taken(StudyCell(contentsOf: source.value).batches.map(\.batch), source)
    case .sharegpt:
      return try drawn(.shareGPT(contentsOf: source.value, limits: limits), job)
    case .trace:
      return try drawn(.trace(contentsOf: source.value, limits: limits), job)
    case .generate:
      guard source.value == "chat" else {
        throw RecordError(
          "workload.generate: unknown shape '\(source.value)'; valid choices: chat")
      }
      let count = (source.batchSize ?? 16) * (source.batchCount ?? 4) + source.first
      return try drawn(.generated(.chat128, count: count, seed: job.seed), job)
    }
  }

  /// Whole batches of a file: those from `first` on, cut to the sizes that the job asks for.
  private static func taken(_ batches: [Batch], _ source: WorkloadSource) throws -> [Batch] {
    let rest = batches.dropFirst(source.first).prefix(source.batchCount ?? Int.max)
    guard !rest.isEmpty else {
      throw RecordError(
        "\(source.value): has \(batches.count) batches; workload.first is \(source.first)")
    }
    return try rest.map { batch in
      try Batch(
        id: batch.id,
        requests: batch.requests.prefix(source.batchSize ?? Int.max).map { request in
          guard let longest = source.longest, request.promptLength > longest else {
            return request
          }
          return try Request(
            id: request.id, promptLength: longest, outputLength: request.outputLength,
            tokens: request.tokens.map { Array($0.prefix(longest)) }, arrival: request.arrival)
        })
    }
  }

  /// Batches cut from a list of requests: at random for lengths, in order for traces.
  private static func drawn(_ list: RequestList, _ job: JobSpecification) throws -> [Batch] {
    let source = job.workload
    return try list.batches(
      size: source.batchSize ?? 16, count: source.batchCount ?? 4,
      order: source.kind == .sharegpt
        ? .random(seed: job.seed) : .consecutive(offset: source.first))
  }
}
