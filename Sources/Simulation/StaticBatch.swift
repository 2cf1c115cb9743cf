import Hardware
import Models
import Scheduling

/// A static batch as far as prices depend on it: what each micro-batch of its one prefill step computes,
/// and where its rows stand when decode begins. Every request generates the same number of tokens.
public struct StaticBatch: Hashable, Sendable {
  let micros: [MicroShape]
  /// Rows of each micro-batch by the KV slots that they have after the prefill.
  let contexts: [[(rows: Int, slots: Int)]]
  public let requests: Int
  public let generate: Int
  let demand: MemoryPlan.Demand

  /// Equal requests under any policy that pads no equal rows; micro-batches differ by a row at most.
  public init(requests: Int, prompt: Int, generate: Int, microBatches: Int = 1) {
    precondition(
      requests >= 1 && prompt >= 1 && generate >= 1 && microBatches >= 1, "a batch has tokens")
    self.requests = requests
    self.generate = generate
    let count = min(microBatches, requests)
    let sizes = (0..<count).map {
      requests * ($0 + 1) / count - requests * $0 / count
    }
    micros = sizes.map { rows in
      var shape = MicroShape()
      shape.slots = rows * prompt
      shape.rows = rows
      shape.headRows = rows
      shape.add(count: rows, queries: prompt, context: 0)
      return shape
    }
    contexts = sizes.map { [($0, prompt)] }
    let most = sizes.max() ?? 1
    demand = MemoryPlan.Demand(
      kvSlots: requests * (prompt + generate - 1), slots: most * prompt, headRows: most,
      microBatches: count)
  }

  /// Requests of any lengths under a policy.
  /// - Throws: `SimulationError` where the policy cannot plan them, or takes more than one prefill
  ///   step (`PlanExecutor` prices those).
  public init(
    lengths: [Int], policy: Policy, generate: Int, microBatches: Int = 1
  ) throws(SimulationError) {
    let plan = try SimulationError.wrap {
      try BatchPlan(
        policy: policy, promptLengths: lengths, outputLengths: lengths.map { _ in 1 },
        microBatches: microBatches)
    }
    guard plan.steps.count == 1, generate >= 1 else {
      throw SimulationError(
        .configuration, "policy \(policy) does not prefill in one step; padtax simulate walks it")
    }
    requests = lengths.count
    self.generate = generate
    let parts = plan.steps[0].microBatches
    micros = parts.map { MicroShape($0, phase: .prefill) }
    contexts = parts.map { micro in
      var runs: [(rows: Int, slots: Int)] = []
      for row in micro.rows {
        if let last = runs.last, last.slots == row.slots {
          runs[runs.count - 1].rows += 1
        } else {
          runs.append((1, row.slots))
        }
      }
      return runs
    }
    var demand = MemoryPlan.Demand(plan)
    demand.kvSlots += (generate - 1) * lengths.count
    self.demand = demand
  }

  /// A micro-batch of decode step `step`; the first is 1.
  func decode(micro: Int, step: Int) -> MicroShape {
    var shape = MicroShape()
    for run in contexts[micro] {
      shape.slots += run.rows
      shape.add(count: run.rows, queries: 1, context: run.slots + step - 1)
    }
    shape.rows = shape.slots
    shape.headRows = shape.slots
    return shape
  }

  public static func == (a: StaticBatch, b: StaticBatch) -> Bool {
    a.micros == b.micros && a.generate == b.generate
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(micros)
    hasher.combine(generate)
  }
}
