import Models
import Records
import Scheduling

/// FLOPs, bytes and padding of a batch's plans, one per replica.
struct PlanCosts {
  let model: ModelConfiguration
  let layout: ParallelLayout
  let plans: [BatchPlan]

  struct PhaseCosts {
    var tokens = 0
    var slots = 0
    var usefulFLOPs = 0.0
    var slotFLOPs = 0.0
  }

  func phase(_ phase: Phase) -> PhaseCosts {
    let flops = FLOPCount(model)
    return plans.reduce(into: PhaseCosts()) { costs, plan in
      let budget = plan.slotBudget(phase)
      costs.tokens += budget.useful
      costs.slots += budget.slots
      costs.usefulFLOPs += flops.total(
        slots: budget.useful, pairs: budget.usefulPairs, headRows: budget.samples)
      costs.slotFLOPs += flops.total(
        slots: budget.slots, pairs: budget.pairs, headRows: budget.samples)
    }
  }

  /// What padding cost by cause; a phase's time is shared out by FLOPs.
  func padding(prefillSeconds: Double, decodeSeconds: Double) -> [String: PaddingRecord] {
    let flops = FLOPCount(model)
    let kvBytes = model.kvBytesPerToken(elementBytes: 4)
    let wire = Self.bytesPerSlot(model, layout)
    var records: [String: PaddingRecord] = [:]
    for (phase, seconds) in [(Phase.prefill, prefillSeconds), (.decode, decodeSeconds)] {
      let all = self.phase(phase).slotFLOPs
      for plan in plans {
        for (cause, cost) in plan.slotBudget(phase).costs {
          let wasted = flops.total(slots: cost.slots, pairs: cost.pairs, headRows: 0)
          records[cause.rawValue, default: PaddingRecord()].slots += cost.slots
          records[cause.rawValue, default: PaddingRecord()].flops += wasted
          records[cause.rawValue, default: PaddingRecord()].wireBytes += cost.slots * wire
          records[cause.rawValue, default: PaddingRecord()].seconds +=
            all > 0 ? seconds * wasted / all : 0
          // The budget of either phase has the batch's KV slots: count them once.
          if phase == .prefill {
            records[cause.rawValue, default: PaddingRecord()].kvBytes += cost.kvSlots * kvBytes
          }
        }
      }
    }
    return records
  }

  /// Bytes of activations that one slot makes the ranks of a replica hand to MPI.
  static func bytesPerSlot(_ model: ModelConfiguration, _ layout: ParallelLayout) -> Int {
    let reduced = layout.tensor > 1 ? layout.tensor * (2 * model.layerCount + 1) : 0
    let passed = layout.tensor * (layout.pipeline - 1)
    return (reduced + passed) * model.hiddenSize * 4
  }
}
