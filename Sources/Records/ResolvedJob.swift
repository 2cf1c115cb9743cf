import Models
import Scheduling
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
