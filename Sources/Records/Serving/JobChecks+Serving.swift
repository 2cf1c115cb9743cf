import Models
import Scheduling
import Workloads

extension JobChecks {
  /// Checks the requests of a serving job against model and limits.
  /// - Returns: a batch of its first requests, with their token ids, for verification.
  func serving(
    _ serving: ServingChoice, for model: ModelConfiguration
  ) throws(RecordError) -> [Batch] {
    if model.isEncoder {
      try at("serving") {
        throw RecordError("\(model.name) is an encoder and generates nothing to serve")
      }
    }
    let entries = try at("serving.requests") { try serving.requests.entries(seed: job.seed) }
    try at("serving.max-sequence-length") {
      guard serving.maxSequenceLength <= model.maxPositions else {
        throw RecordError(
          "\(serving.maxSequenceLength) tokens exceed the context of \(model.name), "
            + "\(model.maxPositions)")
      }
    }
    for load in serving.loads {
      try at("serving.arrivals", item: load.description) {
        _ = try load.times(
          count: entries.count, seed: job.seed, recorded: entries.map(\.recorded))
      }
    }
    return try at("serving.requests") {
      for entry in entries {
        let length = entry.promptLength + entry.outputLength
        guard length <= serving.maxSequenceLength else {
          throw RecordError(
            "request \(entry.id) (\(entry.kind)) has \(entry.promptLength) prompt and "
              + "\(entry.outputLength) output tokens; max-sequence-length is "
              + "\(serving.maxSequenceLength)")
        }
        if let bad = entry.tokens?.first(where: { $0 >= model.vocabularySize }) {
          throw RecordError(
            "request \(entry.id) has the token id \(bad); \(model.name) has "
              + "\(model.vocabularySize)")
        }
      }
      let source = try TokenSource(seed: job.seed, vocabularySize: model.vocabularySize)
      let first = entries.prefix(
        max(job.verification.sequences, job.layouts.map(\.data).max() ?? 1))
      return [
        try Batch(
          id: 0,
          requests: first.map {
            try Request(
              id: $0.id, promptLength: $0.promptLength, outputLength: $0.outputLength,
              tokens: $0.tokens(from: source), arrival: $0.recorded)
          })
      ]
    }
  }
}

extension ResolvedJob {
  /// The requests of a serving job, by their place in it; empty without one. Their arrivals are
  /// those of no load yet: `RequestFeed` gives them.
  public func servingRequests() throws -> [ServingRequest] {
    guard let serving = job.serving else { return [] }
    let source = try TokenSource(seed: job.seed, vocabularySize: model.vocabularySize)
    return try serving.requests.entries(seed: job.seed).map {
      try ServingRequest($0, tokens: source, arrival: 0)
    }
  }
}
