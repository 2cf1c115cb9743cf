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
  }

  public var unitCount: Int { runs.count }

  public func run(unit: Int) throws(SimulationError) -> SimulatedRecords {
    let (load, system, limits) = runs[unit]
    let run = Records.ServingRun(
      cell: name, layout: "\(deployment.layout)", system: "\(system)", load: "\(load)",
      repeatIndex: 0, origin: .modelled, oversubscribed: false)
    var session = try SimulationError.wrap {
      try ServingSession(
        run: run, limits: limits, entries: entries, prompts: requests, arrivals: load,
        seed: resolved.job.seed, maxConcurrency: choice.maxConcurrency)
    }
    var walk = try ServingWalk(deployment)
    try walk.run(&session)
    var records = SimulatedRecords()
    records.requests = session.requests
    records.iterations = session.iterations
    records.serving = [
      session.record(
        levels: choice.levels, warmup: choice.warmupRequests, ranks: deployment.layout.worldSize)
    ]
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
