/// Rows of a static batch: what each step feeds of each sequence.
struct StaticRows {
  let policy: Policy
  /// Prompt tokens, slots of the prefill row, and output tokens per sequence.
  let lengths: [Int]
  let widths: [Int]
  let outputs: [Int]
  private let longestOutput: Int
  private let shortest: Int
  private let longest: Int
  private let graphs: GraphSizes?

  init(policy: Policy, arrangement: Arrangement, outputs: [Int], graphs: GraphSizes? = nil) {
    self.graphs = graphs
    self.policy = policy
    lengths = arrangement.lengths
    widths = arrangement.widths
    self.outputs = outputs
    longestOutput = outputs.max() ?? 0
    shortest = lengths.min() ?? 0
    longest = lengths.max() ?? 0
  }

  /// Region slots that hold padding once the prompt is in.
  private func padding(_ sequence: Int) -> Range<Int> {
    policy == .leftPad
      ? 0..<(widths[sequence] - lengths[sequence]) : lengths[sequence]..<widths[sequence]
  }

  /// Steps that the prefill takes: one, but for the policies that feed position by position or row
  /// by row.
  func prefillSteps(groups: [[Int]]) -> [StepPlan] {
    func step(_ rows: [[PlanRow]]) -> StepPlan {
      StepPlan(phase: .prefill, microBatches: rows.map(MicroBatch.init))
    }
    switch policy {
    case .oneByOne:
      return groups.map { step([$0.map(prefill)]) }
    case .megatronIterative:
      let bulk = step(groups.map { $0.map { iterative(sequence: $0, from: 0, slots: shortest) } })
      return [bulk]
        + (shortest..<longest).map { position in
          step(groups.map { $0.map { iterative(sequence: $0, from: position, slots: 1) } })
        }
    default:
      return [step(groups.map { $0.map(prefill) })]
    }
  }

  /// Steps after the prefill, until the longest output is done.
  func decodeSteps(groups: [[Int]]) -> [StepPlan] {
    (1..<max(1, longestOutput)).flatMap { index -> [StepPlan] in
      let rows = groups.map { $0.compactMap { decode(sequence: $0, step: index) } }
        .filter { !$0.isEmpty }
      let micro = rows.map { rows in
        let added = graphs?.added(to: rows.count) ?? 0
        let row = PlanRow.graph(sequence: lengths.count)
        return MicroBatch(rows: rows + Array(repeating: row, count: added))
      }
      return policy == .oneByOne
        ? micro.map { StepPlan(phase: .decode, microBatches: [$0]) }
        : [StepPlan(phase: .decode, microBatches: micro)]
    }
  }

  /// KV slots that the sequence's region needs.
  func capacity(sequence: Int) -> Int {
    widths[sequence] + (policy.isPadded ? longestOutput : outputs[sequence]) - 1
  }

  private func prefill(sequence: Int) -> PlanRow {
    let length = lengths[sequence]
    return PlanRow(
      sequence: sequence, firstToken: 0, tokens: length, slots: widths[sequence],
      leading: policy == .leftPad ? widths[sequence] - length : 0, context: 0,
      masked: padding(sequence), samples: true)
  }

  /// Prompt positions `from ..< from + slots`; a row whose prompt is in waits in a slot of its own.
  private func iterative(sequence: Int, from: Int, slots: Int) -> PlanRow {
    let tokens = max(0, min(slots, lengths[sequence] - from))
    return PlanRow(
      sequence: sequence, firstToken: from, tokens: tokens, slots: slots, context: from,
      masked: padding(sequence), samples: tokens > 0 && from + tokens == lengths[sequence])
  }

  /// The row that feeds output token `step` (the first output token is fed by step 1), or nil when
  /// the sequence has left the batch. A padded policy keeps finished rows, as static engines do.
  private func decode(sequence: Int, step: Int) -> PlanRow? {
    let active = step < outputs[sequence]
    guard active || policy.isPadded else { return nil }
    return PlanRow(
      sequence: sequence, firstToken: lengths[sequence] + step - 1, tokens: active ? 1 : 0,
      slots: 1, context: widths[sequence] + step - 1, masked: padding(sequence), samples: active)
  }
}
