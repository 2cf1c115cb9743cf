import Models
import Records
import Scheduling
import Serving
import Workloads

/// One layout of a serving job on one kind of device: its requests under every load and system, priced.
public struct SimulatedServing: SimulatedWork {
  public let name: String
  public let resolved: ResolvedJob
  public let deployment: Deployment
  private let choice: ServingChoice
  private let entries: [ServingEntry]
  private let requests: [ServingRequest]
  private let blockCount: Int
  private var calibration: ServingCalibration?
  /// By load, then system.
  private let runs: [(load: ArrivalProcess, system: ServingSystem, limits: SchedulerLimits)]
  public let warnings: [String]

  /// - Throws: `SimulationError`, of kind `memory` where the pool has no room.
  public init(
    name: String, resolved: ResolvedJob, serving: ServingChoice, deployment: Deployment
  ) throws(SimulationError) {
    self.name = name
    self.resolved = resolved
    self.deployment = deployment
    choice = serving
    guard deployment.layout.data == 1 else {
      throw SimulationError(
        .configuration,
        "layout \(deployment.layout) has \(deployment.layout.data) replicas; a serving job has one "
          + "scheduler, so its layouts have none (such as tp2pp2)")
    }
    (entries, requests) = try SimulationError.wrap {
      (try serving.requests.entries(seed: resolved.job.seed), try resolved.servingRequests())
    }
    let pool = try deployment.pool(for: serving)
    warnings = pool.warnings
    blockCount = pool.blockCount
    var runs: [(ArrivalProcess, ServingSystem, SchedulerLimits)] = []
    for load in serving.loads {
      for system in serving.systems {
        let limits = try SimulationError.wrap(.memory) {
          try serving.limits(
            system, blockCount: pool.blockCount, stages: deployment.layout.pipeline)
        }
        runs.append((load, system, limits))
      }
    }
    self.runs = runs
    if serving.isCalibrated { calibration = try calibrated() }
  }

  /// What the priced ranks serve, found as real ranks find it.
  private func calibrated() throws(SimulationError) -> ServingCalibration {
    let system = ServingSystem(.inFlight)
    let limits = try SimulationError.wrap(.memory) {
      try choice.limits(system, blockCount: blockCount, stages: deployment.layout.pipeline)
    }
    func record(
      _ arrivals: ArrivalProcess, count: Int? = nil
    ) throws(SimulationError) -> ServingRecord {
      try serve(serving("\(system)", "\(arrivals)"), limits, arrivals, count: count)
        .record(levels: ServiceLevels(), warmup: 0, ranks: deployment.layout.worldSize)
    }
    let alone = try record(.closed(users: 1), count: ServingCalibration.requestsAlone)
    let saturated = try record(.atOnce)
    return try SimulationError.wrap { try ServingCalibration(saturated: saturated, alone: alone) }
  }

  private func serving(_ system: String, _ load: String) -> Records.ServingRun {
    Records.ServingRun(
      cell: name, layout: "\(deployment.layout)", system: system, load: load, repeatIndex: 0,
      origin: .modelled, oversubscribed: false)
  }

  /// - Parameter count: the first requests only; nil for all.
  private func serve(
    _ run: Records.ServingRun, _ limits: SchedulerLimits, _ arrivals: ArrivalProcess,
    count: Int? = nil
  ) throws(SimulationError) -> ServingSession {
    let count = min(count ?? entries.count, entries.count)
    var session = try SimulationError.wrap {
      try ServingSession(
        run: run, limits: limits, entries: Array(entries.prefix(count)),
        prompts: Array(requests.prefix(count)), arrivals: arrivals, seed: resolved.job.seed,
        maxConcurrency: choice.maxConcurrency)
    }
    var walk = try ServingWalk(deployment)
    try walk.run(&session)
    return session
  }

  public var unitCount: Int { runs.count }

  public func run(unit: Int) throws(SimulationError) -> SimulatedRecords {
    let (load, system, limits) = runs[unit]
    let arrivals = choice.arrivals(of: load, calibration)
    let session = try serve(serving("\(system)", choice.name(of: load)), limits, arrivals)
    var record = session.record(
      levels: choice.levels(calibration), warmup: choice.warmupRequests,
      ranks: deployment.layout.worldSize)
    record.offeredRate = arrivals.rate
    record.calibration = calibration
    var records = SimulatedRecords()
    records.requests = session.requests
    records.iterations = session.iterations
    records.serving = [record]
    return records
  }
}

extension Deployment {
  /// The KV pool that devices have room for beside everything else: the stage with the fewest blocks
  /// decides, as on the engine's ranks.
  /// - Throws: `SimulationError` of kind `memory` with every term.
  func pool(for serving: ServingChoice) throws(SimulationError) -> KVPoolSize {
    let plan = MemoryPlan(
      self,
      .init(
        kvSlots: 0, slots: serving.maxNumTokens, headRows: serving.maxBatchSize,
        microBatches: layout.pipeline))
    try plan.check(hint: "take more devices, a narrower number-format or a smaller max-num-tokens")
    var least: KVPoolSize?
    for stage in shards.indices {
      let terms = plan.stages[stage]
      let size = try SimulationError.wrap(.memory) {
        do {
          return try serving.poolSize(
            freeBytes: Int(plan.capacity - terms.total),
            bytesPerToken: Int(cacheBytesPerToken(stage: stage).rounded(.up)))
        } catch { throw SimulationError(.memory, "\(plan.text(stage: stage)): \(error)") }
      }
      if size.blockCount < least?.blockCount ?? .max { least = size }
    }
    guard let least else { preconditionFailure("a layout has a stage") }
    return least
  }
}
