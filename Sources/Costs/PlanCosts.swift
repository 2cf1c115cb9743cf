import Models
import Records
import Scheduling

/// FLOPs, bytes and padding of a batch's plans, one per replica.
public struct PlanCosts {
  let model: ModelConfiguration
  let layout: ParallelLayout
  let plans: [BatchPlan]
  /// Bytes of one activation or KV value.
  let elementBytes: Int

  public init(
    model: ModelConfiguration, layout: ParallelLayout, plans: [BatchPlan], elementBytes: Int = 4
  ) {
    self.model = model
    self.layout = layout
    self.plans = plans
    self.elementBytes = elementBytes
  }

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
    let kvBytes =
      isScore
      ? model.kvBytesPerToken(elementBytes: elementBytes) / model.layerCount * layout.pipeline
      : model.kvBytesPerToken(elementBytes: elementBytes)
    var wire = Self.bytesPerSlot(model, layout, elementBytes: elementBytes)
    if isScore && layout.tensor > 1 { wire += layout.tensor * Self.lossBytesPerSlot }
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
    return records
  }

  /// Bytes of a slot's softmax that each rank of the last stage hands to MPI: its largest logit, then
  /// sum and target's logit.
  static let lossBytesPerSlot = 4 + 16

  /// Bytes of activations that one slot makes the ranks of a replica hand to MPI.
  static func bytesPerSlot(
    _ model: ModelConfiguration, _ layout: ParallelLayout, elementBytes: Int
  ) -> Int {
    let reduced = layout.tensor > 1 ? layout.tensor * (2 * model.layerCount + 1) : 0
    let passed = layout.tensor * (layout.pipeline - 1)
    return (reduced + passed) * model.hiddenSize * elementBytes
  }
}
