import Testing

@testable import Scheduling

@Suite struct IterationPlanCodingTests {
  private func item(_ slot: Int, known: Int, _ blocks: [Int32]) -> IterationItem {
    IterationItem(
      request: 40 + slot, phase: .decode,
      row: PlanRow(sequence: slot, firstToken: 9, tokens: 1, slots: 1, context: 9, samples: true),
      blocks: blocks, knownBlocks: known)
  }

  @Test func onlyNewBlocksAreSentAndTheRestIsRemembered() throws {
    var tables = BlockTables()
    let first = IterationPlan(id: 0, items: [item(2, known: 0, [5, 6])], tokens: [7])
    let second = IterationPlan(id: 1, items: [item(2, known: 2, [5, 6, 9])], tokens: [8])
    #expect(try tables.decode(first.encoded()) == first)
    #expect(second.encoded().count == first.encoded().count - 1)
    #expect(try tables.decode(second.encoded()) == second)
  }

  @Test func aFreedSlotForgetsItsTable() throws {
    var tables = BlockTables()
    _ = try tables.decode(IterationPlan(id: 0, items: [item(2, known: 0, [5])]).encoded())
    let freed = IterationPlan(id: 1, items: [item(2, known: 1, [5])], freedSlots: [2])
    #expect(throws: SchedulingError.self) { try tables.decode(freed.encoded()) }
  }

  @Test func aListThatIsNoPlanIsRefused() throws {
    let padded = PlanRow(
      sequence: 1, firstToken: 0, tokens: 3, slots: 5, context: 0, masked: 3..<5, samples: true)
    let plan = IterationPlan(
      id: 3,
      items: [IterationItem(request: 1, phase: .prefill, row: padded, blocks: [1, 2])],
      tokens: [4, 5, 6], freedSlots: [0])
    let words = plan.encoded()
    var fresh = BlockTables()
    #expect(try fresh.decode(words) == plan)
    for count in words.indices {
      var tables = BlockTables()
      #expect(throws: SchedulingError.self) { try tables.decode(Array(words.prefix(count))) }
    }
    #expect(throws: SchedulingError.self) { try fresh.decode(words + [1]) }
    // Whatever a word is changed to, decoding throws or gives a plan; it does not trap.
    for index in words.indices {
      for value in [-1, 0, 1, 7, 1 << 20, Int32.max, Int32.min] as [Int32] {
        var changed = words
        changed[index] = value
        var tables = BlockTables()
        _ = try? tables.decode(changed)
      }
    }
  }

  @Test func outputsOfSegmentsAreTheirRequestsOwn() throws {
    let records = try (0..<2).map { id in
      FinishedRequest(
        request: try ServingRequest(
          id: id, prompt: .segments([PromptSegment(content: 5, tokens: 6)]), outputTokens: 9,
          arrival: 0))
    }
    #expect(records[0].content(0..<6) == records[1].content(0..<6))
    #expect(Set(records[0].content(4..<10) + records[1].content(4..<10)).count == 10)
  }
}
