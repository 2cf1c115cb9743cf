import FoundationEssentials
import Scheduling
import TestSupport
import Testing
import Workloads

/// Holds the numbers of docs/PADDING.md against the plans.
@Suite struct PaddingPrimerTests {
  static let policies: [Policy] = [
    .fixed(256), .rightPad, .leftPad, .bucketed(.powers), .bucketed(.best(4)), .multiBin(4),
    .sorted,
    .megatronIterative, .packed, .packedMicro, .oneByOne,
  ]

  /// Rows of the table: one batch's prompts, 16 tokens generated for each, four micro-batches.
  static func table(_ batch: Batch) throws -> [String] {
    try policies.map { policy in
      let plan = try BatchPlan(
        policy: policy, promptLengths: batch.lengths, outputLengths: batch.lengths.map { _ in 16 },
        microBatches: 4)
      let budget = plan.slotBudget(.prefill)
      let causes = PaddingCause.allCases.compactMap { cause in
        budget.padded[cause].map { "\($0) \(cause.rawValue)" }
      }
      let share = Double(budget.slots - budget.useful) / Double(budget.slots)
      return "| `\(policy)` | \(plan.steps.count { $0.phase == .prefill }) | \(budget.slots) | "
        + "\(budget.slots - budget.useful) | \(Self.percent(share)) | "
        + (causes.isEmpty ? "-" : causes.joined(separator: ", ")) + " |"
    }
  }

  static func percent(_ share: Double) -> String {
    let tenths = Int((share * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }

  private func batches() throws -> [Batch] {
    try BatchFile(contentsOf: SharedData.packageFolder + "/jobs/batches/chat-128.json").batches
  }

  private func primer() throws -> String {
    let data = try Data(
      contentsOf: URL(filePath: SharedData.packageFolder + "/docs/PADDING.md"))
    return String(decoding: data, as: UTF8.self)
  }

  @Test("the table is what the plans say") func table() throws {
    let text = try primer()
    for line in try Self.table(batches()[0]) { #expect(text.contains(line), "\(line)") }
  }

  @Test("the other figures are what the plans say") func figures() throws {
    let text = try primer()
    let all = try batches()
    let ratios = all.map(\.padRatio)
    let first = all[0]
    let squares = first.lengths.reduce(0) { $0 + $1 * $1 }
    let rectangle = first.count * first.longest * first.longest
    let padded = try BatchPlan(
      policy: .rightPad, promptLengths: first.lengths,
      outputLengths: first.lengths.map { _ in 16 }, microBatches: 4)
    // Outputs of 1, 2, ... 16 tokens: rows that are done stay until the longest is.
    let uneven = try BatchPlan(
      policy: .leftPad, promptLengths: first.lengths, outputLengths: Array(1...16),
      microBatches: 1)
    let decode = uneven.slotBudget(.decode)
    let total = all.reduce(0) { $0 + $1.count * $1.longest }
    let real = all.reduce(0) { $0 + $1.realTokens }
    for figure in [
      "\(first.realTokens) tokens", "\(first.count * first.longest) slots",
      Self.percent(ratios[0]), "from \(Self.percent(ratios.min() ?? 0)) to",
      "to \(Self.percent(ratios.max() ?? 0))", "\(real) tokens in \(total) slots",
      Self.percent(1 - Double(squares) / Double(rectangle)),
      "\(padded.kvSlotsUsed) of \(padded.kvSlotsReserved)",
      "\(decode.padded[.finished] ?? 0) of \(decode.slots)",
    ] {
      #expect(text.contains(figure), "\(figure)")
    }
  }
}
