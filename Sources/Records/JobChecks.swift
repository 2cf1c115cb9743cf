import Models
import Networks
import Scheduling
import Units
import Workloads

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
    if job.backend.graphs != nil {
      try at("backend.graphs") {
        throw RecordError(
          "\(model.name) is an encoder and has no decode steps; leave backend.graphs out")
      }
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
}
