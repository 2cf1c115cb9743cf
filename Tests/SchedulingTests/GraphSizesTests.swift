import FoundationEssentials
import Statistics
import Testing

@testable import Scheduling

@Suite struct GraphSizesTests {
  private static let sizes: [[Int]] = [[1, 2, 4, 8], [3], [2, 5], [16]]

  @Test func `a step is filled up to the next size, and one beyond the largest is left alone`()
    throws
  {
    let graphs = try GraphSizes([2, 4])
    #expect((1...6).map { graphs.padded($0) } == [2, 2, 4, 4, 5, 6])
    #expect((0...6).map { graphs.added(to: $0) } == [0, 1, 0, 1, 0, 0, 0])
    #expect((1...6).map { graphs.added(to: $0, most: 3) } == [1, 0, 0, 0, 0, 0])
    let text = String(decoding: try JSONEncoder().encode(graphs), as: UTF8.self)
    #expect(text == "[2,4]" && "\(graphs)" == "[2, 4]")
    #expect(try JSONDecoder().decode(GraphSizes.self, from: Data(text.utf8)) == graphs)
    for wrong in [[], [0, 2], [2, 2], [4, 2], [1, 65537]] {
      #expect(throws: SchedulingError.self, "\(wrong)") { try GraphSizes(wrong) }
    }
  }

  @Test func `causes of a batch with graphs are those counted by hand`() throws {
    let plan = try BatchPlan(
      policy: .packed, promptLengths: [2, 6, 3], outputLengths: [1, 4, 2], microBatches: 1,
      graphs: GraphSizes([2, 4]))
    // Steps of 2, 1 and 1 rows: two rows that nobody asked for, which see themselves.
    #expect(plan.steps.map(\.slots) == [11, 2, 2, 2])
    let decode = plan.slotBudget(.decode)
    #expect(decode.slots == 6 && decode.useful == 4 && decode.padded == [.graph: 2])
    #expect(decode.costs[.graph]?.pairs == 2 && decode.samples == 4)
    #expect(plan.kvSlotsUsed == 15 && plan.kvSlotsReserved == 16)
    #expect(plan.slotBudget().costs[.graph]?.kvSlots == 1)
  }

  @Test func `only decode steps gain rows, and the budget has each of them`() throws {
    var added = 0
    for (number, example) in PlanGenerator.cases(400).enumerated() {
      let graphs = try GraphSizes(Self.sizes[number % Self.sizes.count])
      let without = try example.plan()
      let plan = try example.plan(graphs)
      #expect(plan.steps.count == without.steps.count)
      var expected = 0
      for (step, bare) in zip(plan.steps, without.steps) {
        for (micro, before) in zip(step.microBatches, bare.microBatches) {
          let wanted = step.phase == .decode ? graphs.padded(before.rows.count) : before.rows.count
          #expect(micro.rows.count == wanted, "\(example) \(graphs)")
          #expect(Array(micro.rows.prefix(before.rows.count)) == before.rows, "\(example)")
          #expect(micro.tokens == before.tokens && micro.samples == before.samples)
          expected += micro.rows.count - before.rows.count
        }
      }
      for phase in [Phase.prefill, .decode] {
        let (budget, bare) = (plan.slotBudget(phase), without.slotBudget(phase))
        #expect(budget.padded[.graph] ?? 0 == (phase == .decode ? expected : 0), "\(example)")
        #expect(budget.useful + budget.paddedTotal == budget.slots, "\(example)")
        #expect(
          budget.usefulPairs + budget.costs.values.reduce(0) { $0 + $1.pairs } == budget.pairs)
        var others = budget.costs
        others[.graph] = nil
        #expect(others == bare.costs && budget.useful == bare.useful, "\(example)")
      }
      let kv = plan.slotBudget().costs.values.reduce(0) { $0 + $1.kvSlots }
      #expect(plan.kvSlotsUsed + kv == plan.kvSlotsReserved, "\(example)")
      #expect(plan.kvSlotsReserved == without.kvSlotsReserved + (expected > 0 ? 1 : 0))
      #expect(try BatchPlan(decoding: plan.encoded()) == plan, "\(example)")
      added += expected
    }
    #expect(added > 1000)
  }

  @Test func `iterations of decodes alone are filled up, and requests are answered as before`()
    throws
  {
    var added = 0
    var mixed = 0
    for seed in 0..<60 as Range<UInt64> {
      var random = SequentialRandom(seed: seed)
      var limits = try ServingCase.limits(&random)
      let requests = try ServingCase.requests(&random, count: 30, limits: limits)
      let graphs = try GraphSizes(Self.sizes[Int(seed) % Self.sizes.count])
      limits.graphs = graphs
      #expect(limits.physicalBlocks == limits.blockCount + 1)
      let run = try ServingRun(limits: limits, requests: requests, random: &random)
      #expect(run.finished.map(\.request.id).sorted() == requests.map(\.id), "seed \(seed)")
      for record in run.finished {
        #expect(record.tokens == ServingMemory.answer(to: record.request), "seed \(seed)")
      }
      for plan in run.plans {
        let rows = plan.requestItems
        let isDecode = rows.allSatisfy { $0.phase == .decode }
        #expect(plan.slots <= limits.maxNumTokens)
        if !isDecode { mixed += 1 }
        let wanted =
          isDecode && graphs.padded(rows.count) <= limits.maxNumTokens
          ? graphs.padded(rows.count) : rows.count
        #expect(plan.items.count == wanted && plan.graphRows == wanted - rows.count)
        for item in plan.items.suffix(plan.graphRows) {
          #expect(item.blocks == [Int32(limits.blockCount)] && !item.samples)
          #expect(item.slot == limits.maxBatchSize && item.row.tokens == 0)
        }
        let isOwn = rows.allSatisfy { !$0.blocks.contains(Int32(limits.blockCount)) }
        #expect(isOwn, "the block of graphs is nobody's")
        added += plan.graphRows
      }
    }
    #expect(added > 1000 && mixed > 500, "\(added) \(mixed)")
  }
}
