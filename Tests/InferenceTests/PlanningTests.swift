import Models
import Records
import Scheduling
import Testing
import Workloads

@testable import Inference

@Suite struct TokenBookTests {
  private func book(
    _ policy: Policy, prompts: [[Int32]], outputs: [Int]
  ) throws -> (TokenBook, PreparedBatch) {
    let plan = try BatchPlan(
      policy: policy, promptLengths: prompts.map(\.count), outputLengths: outputs,
      microBatches: 1)
    let batch = PreparedBatch(plan: plan, prompts: prompts)
    return (TokenBook(batch), batch)
  }

  @Test func slotsWithoutTokensGetThePadToken() throws {
    let prompts: [[Int32]] = [[7, 8], [4, 5, 6]]
    let (right, rightBatch) = try book(.rightPad, prompts: prompts, outputs: [1, 1])
    #expect(right.feed(rightBatch.steps[0].micro[0].rows, padding: 0) == [7, 8, 0, 4, 5, 6])
    let (left, leftBatch) = try book(.leftPad, prompts: prompts, outputs: [1, 1])
    #expect(left.feed(leftBatch.steps[0].micro[0].rows, padding: 0) == [0, 7, 8, 4, 5, 6])
    let (packed, packedBatch) = try book(.packed, prompts: prompts, outputs: [1, 1])
    #expect(packed.feed(packedBatch.steps[0].micro[0].rows, padding: 0) == [7, 8, 4, 5, 6])
  }

  @Test("A row that finished several steps ago still feeds padding")
  func finishedRows() throws {
    var (book, batch) = try book(.rightPad, prompts: [[7], [4]], outputs: [1, 4])
    for (index, step) in batch.steps.enumerated() {
      let rows = step.micro[0].rows
      try #require(book.canFeed(rows), "step \(index)")
      let wanted: [Int32] = [[7, 4], [0, 20], [0, 21], [0, 22]][index]
      #expect(book.feed(rows, padding: 0) == wanted)
      book.take(index == 0 ? [9, 20] : [Int32(20 + index)], for: rows)
    }
    #expect(book.generated == [[9], [20, 21, 22, 23]])
  }

  @Test func aRowWaitsForItsToken() throws {
    var (book, batch) = try book(.packed, prompts: [[7], [4]], outputs: [2, 2])
    let next = batch.steps[1].micro[0].rows
    #expect(!book.canFeed(next))
    book.expect(batch.steps[0].micro[0].rows)
    #expect(book.isExpecting)
    let expected = book.nextExpected()
    let rows = try #require(expected)
    #expect(!book.isExpecting)
    book.take([1, 2], for: rows)
    #expect(book.canFeed(next))
  }
}

@Suite struct MemoryCheckTests {
  private func resolved(
    _ layout: String, microBatches: Int, _ settings: [String] = []
  ) throws -> ResolvedJob {
    let text = """
      name: memory
      model:
        preset: qwen2.5-0.5b
      layouts: [\(layout)]
      policies: [right-pad, packed]
      workload:
        generate: chat
        batch-size: 16
        batches-taken: 2
      output-tokens: 8
      micro-batches: \(microBatches)
      """
    return try ResolvedJob(
      try JobFile.parse(text, file: "memory", folder: ".", settings: settings), file: "memory")
  }

  @Test(
    "The estimate covers the KV cache and activations of every plan",
    arguments: [("tp1", 1), ("tp2", 1), ("pp2", 2), ("tp2pp2", 4), ("dp2", 3)])
  func coversEveryPlan(layout: String, microBatches: Int) throws {
    let resolved = try resolved(layout, microBatches: microBatches)
    let layout = try ParallelLayout(parsing: layout)
    for rank in 0..<layout.worldSize {
      let estimate = try MemoryCheck(resolved: resolved, layout: layout, rank: rank).estimate()
      let plan = try ShardPlan(model: resolved.model, layout: layout, rank: rank)
      #expect(estimate.weights == plan.weightBytes(elementBytes: 4))
      for batch in resolved.batches {
        for policy in resolved.job.policies {
          let plans = try BatchRunner.plans(
            policy: policy, promptLengths: batch.lengths,
            outputLengths: resolved.outputLengths(of: batch), microBatches: microBatches,
            layout: layout)
          let kv = plans.map(\.kvSlotsReserved).max() ?? 0
          #expect(estimate.kv >= kv * plan.kvBytesPerToken(elementBytes: 4))
          // At least the ring and the three matrices of every slot's hidden width.
          let slots = plans.map(\.largestMicroBatch).max() ?? 0
          #expect(estimate.activations >= 4 * slots * 3 * resolved.model.hiddenSize)
        }
      }
      // Not so much that jobs which fit are refused.
      #expect(estimate.kv + estimate.activations < 2 << 30)
    }
  }

  @Test("A second tensor in the ring is counted, and so is that scattered slots need less of it")
  func countsTheRing() throws {
    func states(_ settings: [String]) throws -> Int {
      let resolved = try resolved("tp2pp2", microBatches: 4, settings)
      let layout = try ParallelLayout(tensor: 2, pipeline: 2)
      return try MemoryCheck(resolved: resolved, layout: layout, rank: 0).estimate().activations
        / (4 * resolved.model.hiddenSize)
    }
    let standard = try states([])
    let job = try resolved("tp2pp2", microBatches: 4)
    let plans = try job.batches.flatMap { batch in
      try job.job.policies.flatMap {
        try BatchRunner.plans(
          policy: $0, promptLengths: batch.lengths, outputLengths: job.outputLengths(of: batch),
          microBatches: 4, layout: .single)
      }
    }
    let slots = plans.map(\.largestMicroBatch).max() ?? 0
    // Four micro-batches and one place more.
    #expect(try states(["dialect=vllm-v0"]) - standard == 5 * slots)
    let block = (slots + 1) / 2
    #expect(
      try states(["tensor-reduction=reduce-scatter"]) - standard
        == 2 * (2 * block - slots) + (5 + 1) * block - 5 * slots)
  }
}

@Suite struct RankSurveyTests {
  @Test("Hardware threads of one core are one core, and a quota counts in whole processors")
  func wholeCores() {
    func cores(_ units: Int, threads: Int, quota: Double? = nil) -> Int {
      RankSurvey.cores(processingUnits: units, threadsPerCore: threads, quota: quota)
    }
    #expect(cores(4, threads: 1) == 4)
    #expect(cores(8, threads: 2) == 4)
    #expect(cores(2, threads: 2) == 1)
    #expect(cores(1, threads: 2) == 1)
    #expect(cores(4, threads: 1, quota: 1.5) == 1)
    #expect(cores(4, threads: 1, quota: 0.5) == 1)
    #expect(cores(4, threads: 1, quota: 64) == 4)
  }
}

@Suite struct VerificationSampleTests {
  @Test func theShortestAndTheLongestAreAlwaysIn() throws {
    let batch = try Batch(id: 0, lengths: [9, 3, 77, 4, 50, 1, 8])
    for count in 2...7 {
      let sample = Verification.sample(batch, count: count)
      #expect(sample.count == count)
      #expect(Set(sample.map(\.promptLength)).isSuperset(of: [1, 77]))
      // In the batch's own order.
      #expect(sample.map(\.id) == sample.map(\.id).sorted())
    }
    #expect(Verification.sample(batch, count: 1).map(\.promptLength) == [77])
    #expect(Verification.sample(batch, count: 99).count == 7)
  }
}

@Suite struct TokenDigestTests {
  @Test func everyTokenAndEveryEndCounts() {
    let digests = [
      [[1, 2], [3]], [[1], [2, 3]], [[1, 2, 3]], [[1, 2], [4]], [[2, 1], [3]], [], [[]],
    ].map { RecordMaker.digest($0.map { $0.map { Int32($0) } }) }
    #expect(Set(digests).count == digests.count)
    #expect(digests.allSatisfy { $0.count == 16 })
  }
}
