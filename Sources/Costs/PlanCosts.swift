import Communication
import Models
import Records
import Scheduling

/// FLOPs, bytes and padding of a batch's plans, one per replica.
public struct PlanCosts {
  let traffic: TrafficModel
  let plans: [BatchPlan]

  /// - Parameter traffic: of the plans' model under their layout; its element format is that of KV
  ///   values too.
  public init(traffic: TrafficModel, plans: [BatchPlan]) {
    self.traffic = traffic
    self.plans = plans
  }

  private var model: ModelConfiguration { traffic.model }
  private var layout: ParallelLayout { traffic.layout }

  /// Slots and FLOPs of one phase, over all plans.
  public struct PhaseCosts {
    public var tokens = 0
    public var slots = 0
    public var usefulFLOPs = 0.0
    public var slotFLOPs = 0.0
  }

  public func phase(_ phase: Phase) -> PhaseCosts {
    let flops = FLOPCount(model)
    return plans.reduce(into: PhaseCosts()) { costs, plan in
      let budget = plan.slotBudget(phase)
      // Rows through the LM head: those that sample; of a score pass every slot.
      let isScore = phase == .score
      costs.tokens += budget.useful
      costs.slots += budget.slots
      costs.usefulFLOPs += flops.total(
        slots: budget.useful, pairs: budget.usefulPairs,
        headRows: isScore ? budget.useful : budget.samples)
      costs.slotFLOPs += flops.total(
        slots: budget.slots, pairs: budget.pairs,
        headRows: isScore ? budget.slots : budget.samples)
    }
  }

  /// What padding cost by cause; a phase's time is shared out by FLOPs.
  public func padding(prefillSeconds: Double, decodeSeconds: Double) -> [String: PaddingRecord] {
    let flops = FLOPCount(model)
    let isScore = plans.allSatisfy(\.isScore)
    // A score pass keeps keys and values of one layer at a time, on every stage.
    let perToken = model.kvBytesPerToken(elementBytes: traffic.cache.bytes)
    let kvBytes = isScore ? perToken / model.layerCount * layout.pipeline : perToken
    let wire = traffic.bytesPerPaddedSlot(scoring: isScore)
    var records: [String: PaddingRecord] = [:]
    let phases =
      isScore
      ? [(Phase.score, prefillSeconds)]
      : [(Phase.prefill, prefillSeconds), (.decode, decodeSeconds)]
    for (phase, seconds) in phases {
      let all = self.phase(phase).slotFLOPs
      for plan in plans {
        for (cause, cost) in plan.slotBudget(phase).costs {
          let wasted = flops.total(
            slots: cost.slots, pairs: cost.pairs, headRows: isScore ? cost.slots : 0)
          var record = records[cause.rawValue] ?? PaddingRecord()
          record.slots += cost.slots
          record.flops += wasted
          record.wireBytes += cost.slots * wire
          record.seconds += all > 0 ? seconds * wasted / all : 0
          // The budget of either phase has the batch's KV slots: count them once.
          if phase != .decode { record.kvBytes += cost.kvSlots * kvBytes }
          records[cause.rawValue] = record
        }
      }
    }
    if traffic.reduction == .reduceScatter {
      let padded = plans.reduce(0) { $0 + traffic.sent($1).paddedBytes }
      let dead = padded - records.values.reduce(0) { $0 + $1.wireBytes }
      if dead > 0 { records[PaddingCause.alignment.rawValue] = PaddingRecord(wireBytes: dead) }
    }
    return records
  }
}
