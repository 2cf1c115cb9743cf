import Scheduling
import Testing

@Suite struct BatchPlanTests {
  @Test("every token of every sequence is fed once, in order, and every output is sampled")
  func everyTokenOfEverySequence()
    throws
  {
    for example in PlanGenerator.cases(400) {
      let plan = try example.plan()
      for sequence in example.prompts.indices {
        let rows = plan.steps.flatMap(\.microBatches).flatMap(\.rows)
          .filter { $0.sequence == sequence }
        let fed = rows.flatMap { $0.firstToken..<($0.firstToken + $0.tokens) }
        let expected = plan.promptLengths[sequence] + example.outputs[sequence] - 1
        if case .fixed(let length) = example.policy {
          #expect(plan.promptLengths[sequence] == min(length, example.prompts[sequence]))
        } else {
          #expect(plan.promptLengths == example.prompts, "\(example)")
        }
        #expect(fed == Array(0..<expected), "\(example)")
        #expect(rows.filter(\.samples).count == example.outputs[sequence], "\(example)")
      }
    }
  }

  @Test("rows stay inside their KV region and contexts follow on each other")
  func rowsStayInsideTheirRegion() throws {
    for example in PlanGenerator.cases(400) {
      let plan = try example.plan()
      var next = 0
      for region in plan.regions {
        #expect(region.base == next, "regions are contiguous and disjoint: \(example)")
        next += region.capacity
      }
      #expect(plan.kvSlotsReserved == next)
      var filled = [Int](repeating: 0, count: example.prompts.count)
      for row in plan.steps.flatMap(\.microBatches).flatMap(\.rows) {
        #expect(row.context == filled[row.sequence], "\(example)")
        filled[row.sequence] += row.slots
        #expect(filled[row.sequence] <= plan.regions[row.sequence].capacity, "\(example)")
      }
      #expect(filled == plan.regions.map(\.capacity), "no slot is reserved in vain: \(example)")
    }
  }

  @Test("masks cover exactly the padded prompt slots") func masksCoverExactlyThePadded()
    throws
  {
    for example in PlanGenerator.cases(400) {
      let plan = try example.plan()
      var padded = [Set<Int>](repeating: [], count: plan.promptLengths.count)
      let prefill = plan.steps.filter { $0.phase == .prefill }
      for row in prefill.flatMap(\.microBatches).flatMap(\.rows) {
        for slot in 0..<row.slots where !row.real.contains(slot) {
          padded[row.sequence].insert(row.context + slot)
        }
      }
      for row in plan.steps.flatMap(\.microBatches).flatMap(\.rows) {
        #expect(Set(row.masked) == padded[row.sequence], "\(example)")
      }
    }
  }

  @Test("a packed plan has no slot without a token") func aPackedPlanHasNo() throws {
    for example in PlanGenerator.cases(400) where !example.policy.isPadded {
      let plan = try example.plan()
      #expect(plan.slotBudget().paddedTotal == 0, "\(example)")
      #expect(plan.kvSlotsReserved == plan.kvSlotsUsed, "\(example)")
    }
  }

  @Test("a finished row stays resident when padded and leaves when packed")
  func aFinishedRowStaysResident() throws {
    for policy in PlanGenerator.policies {
      let plan = try BatchPlan(
        policy: policy, promptLengths: [2, 3], outputLengths: [1, 3], microBatches: 1)
      let decode = plan.steps.filter { $0.phase == .decode }.map { $0.microBatches.flatMap(\.rows) }
      #expect(decode.count == 2)
      for rows in decode {
        let finished = rows.first { $0.sequence == 0 }
        #expect(finished?.tokens == (policy.isPadded ? 0 : nil), "\(policy)")
        #expect(finished?.samples == (policy.isPadded ? false : nil), "\(policy)")
        #expect(rows.first { $0.sequence == 1 }?.tokens == 1)
      }
    }
  }

  @Test("rows are cut into even groups that keep their order")
  func rowsAreCutIntoEven() throws {
    let plan = try BatchPlan(
      policy: .packed, promptLengths: [1, 2, 3, 4, 5, 6, 7], outputLengths: [1, 1, 1, 1, 1, 1, 1],
      microBatches: 3)
    let groups = plan.steps[0].microBatches.map { $0.rows.map(\.sequence) }
    #expect(groups == [[0, 1], [2, 3], [4, 5, 6]])
    #expect(plan.largestMicroBatch == 5 + 6 + 7)
  }

  @Test("more micro-batches than sequences make one each")
  func moreMicroBatchesThanSequences() throws {
    let plan = try BatchPlan(
      policy: .leftPad, promptLengths: [4, 2], outputLengths: [2, 2], microBatches: 8)
    #expect(plan.steps.map(\.microBatches.count) == [2, 2])
  }

  @Test("impossible batches are refused in words") func impossibleBatchesAreRefusedIn() {
    func text(_ prompts: [Int], _ outputs: [Int], _ micro: Int = 1) -> String {
      do {
        _ = try BatchPlan(
          policy: .packed, promptLengths: prompts, outputLengths: outputs, microBatches: micro)
        return "accepted"
      } catch { return error.description }
    }
    #expect(text([], []) == "the batch has no requests")
    #expect(text([1], [1, 2]) == "1 prompts but 2 output lengths")
    #expect(text([1, 0], [1, 1]).hasPrefix("request 1 has 0 prompt and 1 output tokens"))
    #expect(text([1], [0]).hasPrefix("request 0 has 1 prompt and 0 output tokens"))
    #expect(text([1], [1], 0).hasPrefix("micro-batches is 0"))
  }
}
