import Kernels
import Models
import Scheduling
import Testing

@testable import Transformers

/// Positions slot by slot: a constant shift is invisible to rotary embeddings and so to every
/// comparison of logits.
@Suite struct MicroBatchInputTests {
  private func inputs(
    _ policy: Policy, prompts: [Int], outputs: [Int], microBatches: Int = 1,
    scored: Set<Int> = []
  ) throws -> [[MicroBatchInput]] {
    let plan = try BatchPlan(
      policy: policy, promptLengths: prompts, outputLengths: outputs, microBatches: microBatches)
    return plan.steps.map { step in
      step.microBatches.map {
        MicroBatchInput($0, regions: plan.regions, scored: step.phase == .prefill ? scored : [])
      }
    }
  }

  @Test func rightPaddingCountsOnBehindTheTokens() throws {
    let steps = try inputs(.rightPad, prompts: [2, 4], outputs: [3, 3])
    #expect(steps[0][0].positions == [0, 1, 1, 1, 0, 1, 2, 3])
    #expect(steps[0][0].sampledSlots == [1, 7])
    // The next token's position is the sequence's own length, whatever slot it has.
    #expect(steps[1][0].positions == [2, 4])
    #expect(steps[2][0].positions == [3, 5])
  }

  @Test func leftPaddingStartsTheTokensAtZero() throws {
    let steps = try inputs(.leftPad, prompts: [2, 4], outputs: [3, 3])
    #expect(steps[0][0].positions == [0, 0, 0, 1, 0, 1, 2, 3])
    #expect(steps[0][0].sampledSlots == [3, 7])
    #expect(steps[1][0].positions == [2, 4])
    #expect(steps[2][0].positions == [3, 5])
  }

  @Test func tokensOfSomeSlotsAreCountedRowByRow() throws {
    let ranges = [0..<0, 0..<2, 1..<3, 2..<5, 3..<8, 0..<8]
    for (policy, counts) in [
      (Policy.leftPad, [0, 0, 1, 3, 5, 6]), (.rightPad, [0, 2, 1, 1, 4, 6]),
    ] {
      let input = try inputs(policy, prompts: [2, 4], outputs: [1, 1])[0][0]
      #expect(ranges.map { input.tokens(in: $0) } == counts, "\(policy)")
    }
  }

  @Test func packedRowsStartAgainAtZero() throws {
    let steps = try inputs(.packed, prompts: [2, 1, 3], outputs: [2, 2, 2])
    #expect(steps[0][0].positions == [0, 1, 0, 0, 1, 2])
    #expect(steps[0][0].sampledSlots == [1, 2, 5])
    #expect(steps[0][0].sampledSequences == [0, 1, 2])
    #expect(steps[1][0].positions == [2, 1, 3])
  }

  @Test func aFinishedPaddedRowStaysAndCountsOnWhileAPackedOneLeaves() throws {
    let padded = try inputs(.rightPad, prompts: [2, 4], outputs: [1, 3])
    #expect(padded[1][0].positions == [2, 4])
    #expect(padded[2][0].positions == [3, 5])
    #expect(padded[1][0].slots == 2 && padded[1][0].tokens == 1)
    #expect(padded[1][0].sampledSlots == [1] && padded[1][0].sampledSequences == [1])
    #expect(padded[1][0].rows[0].real.isEmpty)
    let packed = try inputs(.packed, prompts: [2, 4], outputs: [1, 3])
    #expect(packed[1][0].positions == [4])
    #expect(packed[1][0].sampledSequences == [1])
  }

  @Test func microBatchesNumberTheirOwnSlots() throws {
    let steps = try inputs(.leftPad, prompts: [1, 3, 2], outputs: [2, 2, 2], microBatches: 2)
    #expect(steps[0].map(\.positions) == [[0, 0, 0], [0, 1, 2, 0, 0, 1]])
    #expect(steps[0].map(\.sampledSlots) == [[2], [2, 5]])
    #expect(steps[0].map(\.sampledSequences) == [[0], [1, 2]])
    #expect(steps[0][1].rows.map(\.firstSlot) == [0, 3])
  }

  @Test func aScoredSequenceSamplesEveryPromptPosition() throws {
    let right = try inputs(.rightPad, prompts: [2, 4], outputs: [2, 2], scored: [0])
    #expect(right[0][0].sampledSlots == [0, 1, 7])
    #expect(right[0][0].sampledSequences == [0, 0, 1])
    let left = try inputs(.leftPad, prompts: [2, 4], outputs: [2, 2], scored: [0])
    #expect(left[0][0].sampledSlots == [2, 3, 7])
    #expect(left[1][0].sampledSlots == [0, 1])
  }

  @Test("KV regions: slots, masks and bases of every policy")
  func rowsOfEveryPolicy() throws {
    let right = try inputs(.rightPad, prompts: [2, 4], outputs: [3, 3])
    // Four prompt slots and two of the three output tokens: the last is never fed.
    #expect(right[0][0].rows.map(\.base) == [0, 6])
    #expect(right[0][0].rows.map(\.capacity) == [6, 6])
    #expect(right[0][0].rows.map(\.masked) == [2..<4, 4..<4])
    #expect(right[1][0].rows.map(\.context) == [4, 4])
    let left = try inputs(.leftPad, prompts: [2, 4], outputs: [3, 3])
    #expect(left[0][0].rows.map(\.masked) == [0..<2, 0..<0])
    #expect(left[0][0].rows.map(\.real) == [2..<4, 0..<4])
    let packed = try inputs(.packed, prompts: [2, 4], outputs: [3, 1])
    #expect(packed[0][0].rows.map(\.base) == [0, 4])
    #expect(packed[0][0].rows.map(\.capacity) == [4, 4])
    #expect(packed[0][0].rows.allSatisfy { $0.masked.isEmpty })
    #expect(packed[1][0].rows.map(\.context) == [2])
  }

  private static let policies: [Policy] = [
    .fixed(9), .rightPad, .leftPad, .bucketed(.powers), .sorted, .multiBin(2),
    .megatronIterative, .packed, .packedMicro, .oneByOne,
  ]

  @Test("Tokens of a sequence have positions 0, 1, 2, … over all steps, under every policy")
  func positionsNumberTheTokensOfEachSequence() throws {
    let prompts = [5, 1, 7, 3]
    let outputs = [4, 6, 1, 2]
    for policy in Self.policies {
      for microBatches in 1...4 {
        var seen: [[Int32]] = Array(repeating: [], count: prompts.count)
        let plan = try BatchPlan(
          policy: policy, promptLengths: prompts, outputLengths: outputs,
          microBatches: microBatches)
        for micro in plan.steps.flatMap(\.microBatches) {
          let input = MicroBatchInput(micro, regions: plan.regions)
          for (row, planned) in zip(input.rows, micro.rows) {
            for slot in row.real {
              seen[planned.sequence].append(input.positions[row.firstSlot + slot])
            }
          }
        }
        for (index, positions) in seen.enumerated() {
          let count = Int32(prompts[index] + outputs[index] - 1)
          #expect(positions == Array(0..<count), "\(policy), sequence \(index)")
        }
      }
    }
  }
}
