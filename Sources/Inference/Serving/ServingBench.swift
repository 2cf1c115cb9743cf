import Communication
import MPI
import Records
import Scheduling
import Serving
import Workloads

/// The requests of a serving cell and the ranks that serve them, whatever the system and the load.
struct ServingBench {
  let executor: ServingExecutor
  let traffic: TrafficModel
  let choice: ServingChoice
  let entries: [ServingEntry]
  /// The coordinator's; empty elsewhere.
  let requests: [ServingRequest]
  let blockCount: Int
  let seed: UInt64

  private var context: RankContext { executor.context }

  /// Serves the requests. Collective; the session is the coordinator's.
  /// - Parameter count: the first ones only; nil for all.
  func serve(
    _ run: Records.ServingRun, system: ServingSystem, arrivals: ArrivalProcess, count: Int? = nil
  ) throws -> (loop: ServingLoop, session: ServingSession?) {
    let limits = try choice.limits(
      system, blockCount: blockCount, stages: context.layout.pipeline)
    let count = min(count ?? entries.count, entries.count)
    let loop = try ServingLoop(executor, traffic: traffic)
    let session = try loop.run(
      context.isCoordinator
        ? ServingSession(
          run: run, limits: limits, entries: Array(entries.prefix(count)),
          prompts: Array(requests.prefix(count)), arrivals: arrivals, seed: seed,
          maxConcurrency: choice.maxConcurrency) : nil)
    return (loop, session)
  }

  /// Finds what these ranks serve when all requests come at once, and how long one alone takes.
  /// Collective; the result is the coordinator's.
  /// - Throws: `InferenceError` on all ranks when no request can be answered.
  func calibrate() throws -> ServingCalibration? {
    let system = ServingSystem(.inFlight)
    func record(_ arrivals: ArrivalProcess, count: Int? = nil) throws -> ServingRecord? {
      let run = Records.ServingRun(
        cell: "", layout: "\(context.layout)", system: "\(system)", load: "\(arrivals)",
        repeatIndex: 0, origin: context.origin, oversubscribed: false)
      return try serve(run, system: system, arrivals: arrivals, count: count).session?.record(
        levels: ServiceLevels(), warmup: 0, ranks: context.layout.worldSize)
    }
    let alone = try record(.closed(users: 1), count: ServingCalibration.requestsAlone)
    let saturated = try record(.atOnce)
    return try context.together("calibration") {
      guard let saturated, let alone else { return nil }
      return try ServingCalibration(saturated: saturated, alone: alone)
    }
  }
}
