import Scheduling
import Testing

/// Position ids are tested as numbers: rotary embeddings cannot tell a constant shift.
@Suite struct PositionTests {
  /// Position ids per row of a step.
  private func positions(_ policy: Policy, step: Int) throws -> [[Int]] {
    let plan = try BatchPlan(
      policy: policy, promptLengths: [3, 1, 5], outputLengths: [3, 2, 1], microBatches: 1)
    return plan.steps[step].microBatches.flatMap(\.rows).map { row in
      (0..<row.slots).map { row.position(ofSlot: $0) }
    }
  }

  @Test("right-padded prompts count from 0 to their last token; padding stays there")
  func rightPaddedPromptsCountFrom0() throws {
    #expect(
      try positions(.rightPad, step: 0) == [[0, 1, 2, 2, 2], [0, 0, 0, 0, 0], [0, 1, 2, 3, 4]])
  }

  @Test("left-padded prompts count from 0 at their first token")
  func leftPaddedPromptsCountFrom0() throws {
    #expect(
      try positions(.leftPad, step: 0) == [[0, 0, 0, 1, 2], [0, 0, 0, 0, 0], [0, 1, 2, 3, 4]])
  }

  @Test("packed prompts count from 0 each") func packedPromptsCountFrom0Each() throws {
    #expect(try positions(.packed, step: 0) == [[0, 1, 2], [0], [0, 1, 2, 3, 4]])
  }

  @Test("decode goes on from the real length under every policy")
  func decodeGoesOnFromThe() throws {
    // The third sequence is done after its prefill, the second after the first decode step.
    #expect(try positions(.rightPad, step: 1) == [[3], [1], [5]])
    #expect(try positions(.leftPad, step: 1) == [[3], [1], [5]])
    #expect(try positions(.packed, step: 1) == [[3], [1]])
    #expect(try positions(.rightPad, step: 2)[0] == [4])
    #expect(try positions(.leftPad, step: 2)[0] == [4])
    #expect(try positions(.packed, step: 2) == [[4]])
  }

  @Test("a real slot's position is its token's index whatever the policy")
  func aRealSlotPositionIs() throws {
    for example in PlanGenerator.cases(300) {
      for row in try example.plan().steps.flatMap(\.microBatches).flatMap(\.rows) {
        let ids = row.real.map { row.position(ofSlot: $0) }
        #expect(ids == Array(row.firstToken..<(row.firstToken + row.tokens)), "\(example)")
        #expect((0..<row.slots).allSatisfy { row.position(ofSlot: $0) >= 0 }, "\(example)")
      }
    }
  }

  @Test("attention pairs are those of a causal triangle above the context")
  func attentionPairsAreThoseOf() {
    let row = PlanRow(
      sequence: 0, firstToken: 2, tokens: 2, slots: 3, leading: 1, context: 4, samples: true)
    // Slots 0, 1, 2 see 5, 6 and 7 KV slots; tokens 2 and 3 see 3 and 4 tokens.
    #expect(row.attentionPairs == 5 + 6 + 7)
    #expect(row.usefulAttentionPairs == 3 + 4)
  }
}
