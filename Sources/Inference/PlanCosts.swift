import Models
import Records
import Scheduling
import Transformers

/// FLOPs, bytes and padding of a batch's plans, one per replica.
struct PlanCosts {
  let model: ModelConfiguration
  let layout: ParallelLayout
  let plans: [BatchPlan]
  var dialect = Dialect.megatron
  var reduction = TensorReduction.allReduce

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
  func padding(prefillSeconds: Double, decodeSeconds: Double) -> [String: PaddingRecord] {
    let flops = FLOPCount(model)
    let isScore = plans.allSatisfy(\.isScore)
    // A score pass keeps keys and values of one layer at a time, on every stage.
    let kvBytes =
      isScore
      ? model.kvBytesPerToken(elementBytes: 4) / model.layerCount * layout.pipeline
      : model.kvBytesPerToken(elementBytes: 4)
    let states = statesPerSlot(isScore: isScore) * model.hiddenSize * 4
    let losses = isScore && layout.tensor > 1 ? layout.tensor * Self.lossBytesPerSlot : 0
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
          record.wireBytes += cost.slots * (states + losses)
          record.seconds += all > 0 ? seconds * wasted / all : 0
          // The budget of either phase has the batch's KV slots: count them once.
          if phase != .decode { record.kvBytes += cost.kvSlots * kvBytes }
          records[cause.rawValue] = record
        }
        let dead = deadSlots(plan, phase)
        guard dead > 0 else { continue }
        records[PaddingCause.alignment.rawValue, default: PaddingRecord()].wireBytes +=
          dead * states
      }
    }
    return records
  }

  /// Bytes of a slot's softmax that each rank of the last stage hands to MPI: its largest logit, then
  /// sum and target's logit.
  static let lossBytesPerSlot = 4 + 16

  /// States [hidden] of one slot that the ranks of a replica hand to MPI together.
  private func statesPerSlot(isScore: Bool) -> Int {
    let tensor = layout.tensor
    // Sums of the embedding and of each layer; where they are scattered, gathers before products.
    var inStages = tensor > 1 ? tensor * (2 * model.layerCount + 1) : 0
    var passed = tensor
    if isScattered {
      inStages += tensor * (2 * model.layerCount + (isScore ? 1 : 0))
      passed = 1
    } else if dialect == .vllmV0 {
      passed = 2 + (tensor > 1 ? 2 * tensor : 0)
    }
    return inStages + passed * (layout.pipeline - 1)
  }

  private var isScattered: Bool { reduction == .reduceScatter && layout.tensor > 1 }

  /// Slots added to the micro-batches of a phase for equal blocks.
  private func deadSlots(_ plan: BatchPlan, _ phase: Phase) -> Int {
    guard isScattered else { return 0 }
    return plan.steps.lazy.filter { $0.phase == phase }.flatMap(\.microBatches)
      .reduce(0) { $0 + SlotPartition(slots: $1.slots, parts: layout.tensor).dead }
  }
}
