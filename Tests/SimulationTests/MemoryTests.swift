import Hardware
import Models
import Testing
import Units

@testable import Simulation

@Suite struct MemoryTests {
  private func llama(_ layout: String, _ device: String) throws -> Deployment {
    try Deployment(
      model: .preset("llama-3.1-405b"), layout: ParallelLayout(parsing: layout),
      hardware: HardwareCatalogue.accelerator(device),
      settings: .init(format: .fp4, cacheFormat: .fp8, reserve: 0))
  }

  @Test func `every batch in flight counts: eight of 512 requests need 1336 GB a device`() throws {
    let deployment = try llama("pp8", "mi355x")
    let answer = try MemoryAnswer(
      deployment, lengths: [9428], generate: 684 + 1, microBatches: 8)
    let plan = answer.plan(requests: 8 * 512)
    let mean = plan.stages.reduce(0) { $0 + $1.cache } / 8
    #expect(abs(mean / 1336e9 - 1) < 0.001)
    #expect {
      try plan.check()
    } throws: {
      "\($0)".contains("KV cache 1357.") && "\($0)".contains("a device has 309.24 GB")
    }
  }

  @Test func `the largest batch fits and one request more does not`() throws {
    for (layout, micro) in [("tp8", 1), ("pp8", 8), ("tp4dp2", 2)] {
      let deployment = try llama(layout, "mi355x")
      let answer = try MemoryAnswer(
        deployment, lengths: [900], generate: 100, microBatches: micro)
      let most = answer.maximumBatch
      #expect(most > 0)
      #expect(answer.plan(requests: most).fits)
      #expect(!answer.plan(requests: most + deployment.layout.data).fits)
    }
  }

  @Test func `weights of uneven stages are those of their layers and ends`() throws {
    let deployment = try Example.deployment(
      "pp3", model: Example.model(layers: 7, vocabulary: 4096))
    let plan = MemoryPlan(deployment, .init(kvSlots: 0, slots: 1, headRows: 1))
    let all = plan.stages.reduce(0) { $0 + $1.weights }
    #expect(all == Double(deployment.model.parameterCount * 2))
    #expect(plan.stages[1].weights < plan.stages[0].weights)
  }

  @Test func `waste is that of METRICS' example`() throws {
    let deployment = try Example.deployment("tp1")
    let answer = try MemoryAnswer(deployment, lengths: [4096, 16], generate: 1)
    #expect(answer.waste == 1 - 4112.0 / 8192)
  }

  @Test func `ten percent padding of a 32B model costs 3 GB from 114441 slots on`() throws {
    let deployment = try Deployment(
      model: .preset("qwen2.5-32b"), layout: ParallelLayout(parsing: "tp4"),
      hardware: HardwareCatalogue.accelerator("a100-80gb"))
    let answer = try MemoryAnswer(deployment, lengths: [512], generate: 128)
    // 2 · 64 layers · 8 heads · 128 · 2 bytes a token.
    #expect(answer.bytesPerToken == 262_144)
    #expect(answer.slots(forWaste: 3e9) == 114_441)
    #expect(answer.paddingBytes(requests: 1) == 0.1 * 639 * 262_144)
  }

  @Test func `numbers that make no sense are refused`() throws {
    let deployment = try Example.deployment("tp1")
    for (lengths, generate, width) in [([], 1, nil), ([0], 1, nil), ([9], 0, nil), ([9], 1, 8)]
      as [([Int], Int, Int?)]
    {
      #expect(throws: SimulationError.self) {
        try MemoryAnswer(deployment, lengths: lengths, generate: generate, width: width)
      }
    }
  }
}
