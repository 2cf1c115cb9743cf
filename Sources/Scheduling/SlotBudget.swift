/// Why a slot carried no token.
public enum PaddingCause: String, Sendable, Codable, CaseIterable {
  /// The row is shorter than the longest of its batch (or of its micro-batch, where that is what
  /// rows are padded to).
  case length
  /// The batch's longest row is shorter than the fixed length.
  case fixed
  /// The longest row of the bucket is shorter than the bucket's edge.
  case bucket
  /// The row waits while longer prompts are fed position by position.
  case fill
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

  mutating func addUseful(_ tokens: Int) {
    slots += tokens
    useful += tokens
  }

  mutating func add(_ count: Int, _ cause: PaddingCause) {
    guard count > 0 else { return }
    slots += count
    padded[cause, default: 0] += count
  }
}

extension BatchPlan {
  /// The slot budget of the steps of one phase, or of all steps.
  public func slotBudget(_ phase: Phase? = nil) -> SlotBudget {
    var budget = SlotBudget()
    for step in steps where phase == nil || step.phase == phase {
      for micro in step.microBatches { add(micro, phase: step.phase, to: &budget) }
    }
    return budget
  }

  private func add(_ micro: MicroBatch, phase: Phase, to budget: inout SlotBudget) {
    // What rows would be padded to if there were no fixed length or bucket.
    let natural: Int
    let beyond: PaddingCause
    switch policy {
    case .fixed: (natural, beyond) = (promptLengths.max() ?? 0, .fixed)
    case .bucketed: (natural, beyond) = (micro.rows.map(\.tokens).max() ?? 0, .bucket)
    default: (natural, beyond) = (.max, .length)
    }
    for row in micro.rows {
      budget.addUseful(row.tokens)
      let padded = row.slots - row.tokens
      switch (phase, policy) {
      case (.decode, _): budget.add(padded, .finished)
      case (_, .megatronIterative): budget.add(padded, .fill)
      case (_, _):
        let length = min(padded, natural == .max ? padded : natural - row.tokens)
        budget.add(length, .length)
        budget.add(padded - length, beyond)
      }
    }
  }
}
