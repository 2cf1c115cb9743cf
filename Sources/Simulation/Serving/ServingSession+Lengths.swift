import Records
import Scheduling
import Serving
import Workloads

extension ServingSession {
  /// A session of requests of which only lengths are known, for what computes no tokens and keeps no
  /// records.
  /// - Parameter entries: with ids from 0.
  init(
    _ entries: [ServingEntry], arrivals: ArrivalProcess, limits: SchedulerLimits, seed: UInt64
  ) throws {
    try self.init(
      run: Records.ServingRun(
        cell: "", layout: "", system: "", load: "\(arrivals)", repeatIndex: 0,
        origin: .modelled, oversubscribed: false),
      limits: limits, entries: entries,
      prompts: entries.map { try ServingRequest($0, tokens: nil, arrival: 0) },
      arrivals: arrivals, seed: seed)
  }

  /// - Parameter lengths: prompt and output tokens of each request.
  public init(
    lengths: [(prompt: Int, output: Int)], arrivals: ArrivalProcess, limits: SchedulerLimits,
    seed: UInt64 = 0
  ) throws {
    try self.init(
      lengths.enumerated().map { id, length in
        ServingEntry(
          id: id, kind: "", promptLength: length.prompt, outputLength: length.output)
      }, arrivals: arrivals, limits: limits, seed: seed)
  }
}
