import Models
import Records
import Scheduling
import Serving
import Statistics
import Workloads

extension Advice {
  /// Requests over time, and the systems that may serve them.
  public struct Service: Sendable {
    public var arrivals: ArrivalProcess
    public var systems: [ServingSystem]
    /// Requests that are sent; their lengths are the question's, over and over.
    public var requests: Int
    public var seed: UInt64

    public init(
      arrivals: ArrivalProcess, systems: [ServingSystem], requests: Int, seed: UInt64 = 1
    ) {
      self.arrivals = arrivals
      self.systems = systems
      self.requests = requests
      self.seed = seed
    }

    /// Slots of an iteration, and sequences at once.
    static let maxNumTokens = 8192
    static let maxBatchSize = 256
  }
}

extension Advice.Service {
  /// A system's figures. Requests, and users of a closed loop, are dealt to the replicas in turn.
  func choice(
    _ system: ServingSystem, _ question: Advice.Question, _ deployment: Deployment
  ) throws(SimulationError) -> Advice.Choice {
    let longest = (question.lengths.max() ?? 1) + question.generate
    var serving = ServingChoice(
      systems: [system], loads: [arrivals],
      requests: ServingRequests(count: requests, source: .mix(ServingMix(kinds: []))),
      maxNumTokens: max(Self.maxNumTokens, question.lengths.max() ?? 1),
      maxBatchSize: min(Self.maxBatchSize, requests), maxSequenceLength: longest)
    serving.kvFreeMemoryFraction = 1
    let pool = try deployment.pool(for: serving)
    let limits = try SimulationError.wrap(.memory) {
      try serving.limits(
        system, blockCount: pool.blockCount, stages: deployment.layout.pipeline)
    }
    let times = try SimulationError.wrap {
      try arrivals.times(count: requests, seed: seed, recorded: [])
    }
    var walk = try ServingWalk(deployment)
    var answered: [RequestRecord] = []
    var peak = 0
    for replica in 0..<deployment.layout.data {
      var session = try SimulationError.wrap {
        try self.session(
          replica, of: deployment.layout.data, question, times: times, limits: limits)
      }
      try walk.run(&session)
      if let (_, reason) = session.refusals.first { throw SimulationError(.memory, reason) }
      answered += session.requests
      peak = max(peak, session.iterations.map { $0.kv.usedBlocks }.max() ?? 0)
    }
    func quantile(_ values: [Double]) -> Double {
      (try? Sample(values))?.quantile(0.9) ?? 0
    }
    let tpots = answered.compactMap(\.tpotMilliseconds)
    let end = answered.map(\.completedSeconds).max() ?? 0
    let plan = MemoryPlan(
      deployment,
      .init(
        kvSlots: peak * limits.blockSize, slots: serving.maxNumTokens,
        headRows: serving.maxBatchSize, microBatches: deployment.layout.pipeline))
    return Advice.Choice(
      layout: deployment.layout, method: "\(system)", microBatches: 1,
      ttft: quantile(answered.map(\.ttftMilliseconds)) / 1000,
      tpot: tpots.isEmpty ? nil : quantile(tpots) / 1000,
      latency: quantile(answered.map(\.e2elMilliseconds)) / 1000,
      outputRate: Double(requests * question.generate) / end,
      memory: plan.stages[plan.fullest].total)
  }

  private func session(
    _ replica: Int, of replicas: Int, _ question: Advice.Question, times: [Double]?,
    limits: SchedulerLimits
  ) throws -> ServingSession {
    var entries: [ServingEntry] = []
    for request in stride(from: replica, to: requests, by: replicas) {
      var entry = ServingEntry(
        id: entries.count, kind: "",
        promptLength: question.lengths[request % question.lengths.count],
        outputLength: question.generate)
      entry.recorded = times?[request]
      entries.append(entry)
    }
    var load = ArrivalProcess.trace(speed: 1)
    if case .closed(let users) = arrivals {
      load = .closed(users: max(1, (users + replicas - 1 - replica) / replicas))
    }
    return try ServingSession(entries, arrivals: load, limits: limits, seed: seed)
  }
}
