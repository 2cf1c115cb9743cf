import Communication
import Costs
import Hardware
import Models
import Records
import Scheduling
import Workloads

/// One layout of a job on one kind of device: every batch under every policy, priced.
public struct SimulatedCell: SimulatedWork {
  public let name: String
  public let resolved: ResolvedJob
  public let deployment: Deployment
  /// One plan per replica, by batch and policy.
  private let plans: [[[BatchPlan]]]
  private let memory: MemoryPlan

  /// Plans everything.
  /// - Throws: `SimulationError`, of kind `memory` where a batch does not fit.
  public init(
    name: String, resolved: ResolvedJob, deployment: Deployment
  ) throws(SimulationError) {
    self.name = name
    self.resolved = resolved
    self.deployment = deployment
    let job = resolved.job
    let layout = deployment.layout
    var plans: [[[BatchPlan]]] = []
    for batch in resolved.batches {
      var own: [[BatchPlan]] = []
      for policy in job.policies {
        own.append(try Self.plans(of: batch, policy, resolved, layout: layout))
      }
      plans.append(own)
    }
    self.plans = plans
    var demand = MemoryPlan.Demand(kvSlots: 0, slots: 0, headRows: 0)
    for plan in plans.joined().joined() { demand = demand.union(.init(plan)) }
    memory = MemoryPlan(deployment, demand)
    try memory.check(hint: "take more devices, a narrower number-format or smaller batches")
  }

  /// What each replica of a layout runs of a batch.
  static func plans(
    of batch: Batch, _ policy: Policy, _ resolved: ResolvedJob, layout: ParallelLayout
  ) throws(SimulationError) -> [BatchPlan] {
    let job = resolved.job
    let outputs = resolved.outputLengths(of: batch)
    return try SimulationError.wrap {
      try (0..<layout.data).map { replica in
        let part = ShardPlan.split(batch.count, into: layout.data, part: replica)
        return try BatchPlan(
          job.mode, policy, promptLengths: Array(batch.lengths[part]),
          outputLengths: Array(outputs[part]), microBatches: job.microBatches,
          padding: job.microBatchPadding, graphs: job.backend.graphs)
      }
    }
  }

  public var unitCount: Int { resolved.batches.count }
  public var warnings: [String] { [] }

  /// Prices one batch under all policies.
  public func run(unit index: Int) throws(SimulationError) -> SimulatedRecords {
    var executor = PlanExecutor(deployment)
    var records = SimulatedRecords()
    for (choice, policy) in resolved.job.policies.enumerated() {
      let plans = plans[index][choice]
      var timelines: [PlanTimeline] = []
      for (replica, plan) in plans.enumerated() {
        timelines.append(try executor.run(plan, replica: replica))
      }
      let batch = resolved.batches[index]
      let ttft = timelines.map(\.batchTTFT).max() ?? 0
      records.batches.append(
        BatchRecord(
          cell: name, policy: policy, origin: .modelled, traffic: deployment.traffic,
          batch: batch, plans: plans,
          turn: (0, false, index * resolved.job.policies.count + choice),
          microBatches: resolved.job.microBatches, batchTTFTSeconds: ttft,
          totalSeconds: timelines.map(\.total).max() ?? 0, tokenDigest: ""))
      records.ranks += rankRecords(batch, policy, plans: plans, timelines: timelines, ttft: ttft)
    }
    return records
  }

  private func rankRecords(
    _ batch: Batch, _ policy: Policy, plans: [BatchPlan], timelines: [PlanTimeline], ttft: Double
  ) -> [RankRecord] {
    let layout = deployment.layout
    let end = timelines.map(\.total).max() ?? 0
    return (0..<layout.worldSize).flatMap { rank -> [RankRecord] in
      let place = layout.coordinates(of: rank)
      let (plan, timeline) = (plans[place.replica], timelines[place.replica])
      let totals = deployment.traffic.totals(of: plan, rank: rank % layout.ranksPerReplica)
      let bytes = deployment.cacheBytesPerToken(stage: place.stage)
      let terms = memory.stages[place.stage]
      func record(
        _ phase: Phase, _ account: PlanTimeline.Account, wall: Double
      ) -> RankRecord {
        let communication = min(wall, account.collectives + account.transfers)
        let compute = min(wall - communication, account.kernels + account.overhead)
        return RankRecord(
          cell: name, layout: "\(layout)", origin: .modelled, policy: "\(policy)", batch: batch.id,
          repeatIndex: 0, warmup: false, phase: phase.rawValue, rank: rank,
          tensorRank: place.tensor, stage: place.stage, replica: place.replica, wallSeconds: wall,
          computeSeconds: compute, communicationSeconds: communication,
          idleSeconds: max(0, wall - compute - communication),
          traffic: Self.totals(totals, phase: phase, account),
          peakMemoryBytes: Int(terms.total - terms.reserve), weightBytes: Int(terms.weights),
          kvBytesReserved: Int(Double(plan.kvSlotsReserved) * bytes),
          kvBytesUsed: Int(Double(plan.kvSlotsUsed) * bytes))
      }
      let prefill = timeline.prefill[place.stage]
      if plan.isScore { return [record(.score, prefill, wall: ttft)] }
      return [
        record(.prefill, prefill, wall: ttft),
        record(.decode, timeline.decode[place.stage], wall: max(0, end - ttft)),
      ]
    }
  }

  /// Traffic of a phase by operation. Seconds are shared out by bytes: those of collectives among
  /// collectives, those of transfers among receives.
  private static func totals(
    _ totals: [TrafficKey: TrafficTotals], phase: Phase, _ account: PlanTimeline.Account
  ) -> [TrafficTotal] {
    let own = totals.filter { $0.key.phase == phase }
    func share(_ key: TrafficKey, _ bytes: Int) -> Double {
      let isCollective = key.kind.collective != nil
      guard isCollective || key.kind == .receive else { return 0 }
      let all = own.reduce(0) { sum, entry in
        let counts =
          isCollective ? entry.key.kind.collective != nil : entry.key.kind == .receive
        return sum + (counts ? entry.value.bytes : 0)
      }
      let seconds = isCollective ? account.collectives : account.transfers
      return all > 0 ? seconds * Double(bytes) / Double(all) : 0
    }
    return own.map { key, value in
      let seconds = share(key, value.bytes)
      return TrafficTotal(
        operation: key.kind.rawValue, communicator: key.communicator.rawValue,
        elementType: key.element.rawValue, calls: value.calls, elements: value.elements,
        bytes: value.bytes, paddedBytes: value.paddedBytes, seconds: seconds,
        communicationSeconds: seconds)
    }.sorted {
      ($0.communicator, $0.operation, $0.elementType)
        < ($1.communicator, $1.operation, $1.elementType)
    }
  }
}
