/// Why a slot carried no token.
public enum PaddingCause: String, Sendable, Codable, CaseIterable {
  /// The row is shorter than the batch's longest.
  case length
  /// The row is done but still resident.
  case finished
}

/// Slots of a plan by what they carried. `useful` plus the causes is exactly `slots`.
public struct SlotBudget: Hashable, Sendable, Codable {
  /// Slots computed.
  public private(set) var slots = 0
  /// Slots that carried a real token.
  public private(set) var useful = 0
  /// Slots that carried none, by cause.
  public private(set) var padded: [PaddingCause: Int] = [:]

  public init() {}

  /// Slots without a token.
  public var paddedTotal: Int { padded.values.reduce(0, +) }

  mutating func add(_ row: PlanRow, phase: Phase) {
    slots += row.slots
    useful += row.tokens
    guard row.slots > row.tokens else { return }
    padded[phase == .prefill ? .length : .finished, default: 0] += row.slots - row.tokens
  }
}

extension BatchPlan {
  /// The slot budget of the steps of one phase, or of all steps.
  public func slotBudget(_ phase: Phase? = nil) -> SlotBudget {
    var budget = SlotBudget()
    for step in steps where phase == nil || step.phase == phase {
      for micro in step.microBatches {
        for row in micro.rows { budget.add(row, phase: step.phase) }
      }
    }
    return budget
  }
}
