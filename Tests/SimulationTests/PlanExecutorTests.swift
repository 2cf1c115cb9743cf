import Communication
import Hardware
import Models
import Networks
import Scheduling
import Testing

@testable import Simulation

@Suite struct PlanExecutorTests {
  private func plan(
    _ policy: Policy, _ lengths: [Int], outputs: Int = 1, microBatches: Int = 1
  ) throws -> BatchPlan {
    try BatchPlan(
      policy: policy, promptLengths: lengths, outputLengths: lengths.map { _ in outputs },
      microBatches: microBatches)
  }

  @Test(arguments: [
    Policy.rightPad, .packed, .packedMicro, .megatronIterative, .oneByOne, .sorted, .fixed(20),
  ])
  func `one device takes what the FLOPs of the plan's slots take`(policy: Policy) throws {
    let deployment = try Example.deployment("tp1")
    let plan = try plan(policy, [5, 17, 9, 30], outputs: 4, microBatches: 2)
    var executor = PlanExecutor(deployment)
    let timeline = try executor.run(plan)
    let flops = FLOPCount(deployment.model)
    func seconds(_ phase: Phase) -> Double {
      let budget = plan.slotBudget(phase)
      return flops.total(slots: budget.slots, pairs: budget.pairs, headRows: budget.samples) * 1e-12
    }
    #expect(abs(timeline.batchTTFT / seconds(.prefill) - 1) < 1e-9)
    #expect(abs((timeline.total - timeline.batchTTFT) / seconds(.decode) - 1) < 1e-9)
    #expect(timeline.bubble < 1e-9)
  }

  @Test(arguments: [(2, 1), (2, 4), (4, 4), (4, 8), (8, 3)])
  func `equal stages have the textbook's bubble`(stages: Int, microBatches: Int) throws {
    // Nothing but the layers takes time.
    let model = try Example.model(layers: 16)
    let deployment = try Example.deployment(
      "pp\(stages)", model: model,
      device: Example.device(FLOPModel(free: [model.vocabularySize])))
    #expect(deployment.shards.allSatisfy { $0.layers.count == 16 / stages })
    let plan = try plan(
      .packed, Array(repeating: 12, count: 2 * microBatches), microBatches: microBatches)
    var executor = PlanExecutor(deployment)
    let timeline = try executor.run(plan)
    let textbook = Double(stages - 1) / Double(microBatches + stages - 1)
    #expect(abs(timeline.bubble - textbook) < 1e-6)
  }

  @Test func `without compute a step takes what its operations take on the network`() throws {
    let network = try Network(parsing: "nvlink3-a100")
    let deployment = try Example.deployment(
      "tp4", device: Example.device(FLOPModel(secondsPerFLOP: 0)), network: network)
    let model = deployment.model
    let lengths = [10, 20]
    var executor = PlanExecutor(deployment)
    let timeline = try executor.run(plan(.rightPad, lengths))
    func cost(_ kind: CollectiveKind, _ bytes: Int) -> Double {
      network.collectiveSeconds(kind, bytes: bytes, nodes: [0, 0, 0, 0])
    }
    // The embedding and two sums a layer; the gathered logits; the chosen tokens.
    let state = 2 * 20 * model.hiddenSize * 2
    let expected =
      Double(2 * model.layerCount + 1) * cost(.allReduce, state)
      + cost(.gather, 2 * model.vocabularySize * 2) + cost(.broadcast, 2 * 4)
    #expect(abs(timeline.batchTTFT / expected - 1) < 1e-9)
    #expect(timeline.prefill[0].kernels == 0)
  }

  @Test func `without compute a pipeline takes its messages one after another`() throws {
    let network = try Network(parsing: "ethernet-10g")
    let deployment = try Example.deployment(
      "pp3", model: Example.model(layers: 6),
      device: Example.device(FLOPModel(secondsPerFLOP: 0)), network: network)
    var executor = PlanExecutor(deployment)
    let timeline = try executor.run(plan(.packed, [40, 24], outputs: 3))
    func message(_ bytes: Int) -> Double { network.sendSeconds(bytes: bytes, sameNode: true) }
    let prefill = 2 * message(64 * 256 * 2) + message(2 * 4)
    let step = 2 * message(2 * 256 * 2) + message(2 * 4)
    #expect(abs(timeline.batchTTFT / prefill - 1) < 1e-9)
    #expect(abs((timeline.total - timeline.batchTTFT) / (2 * step) - 1) < 1e-9)
  }

  @Test func `the engine's own time is counted where it falls`() throws {
    let overheads = EngineOverheads(
      step: 1, perSequence: 0.01, perCollective: 1e-4, perKernel: 1e-6)
    let deployment = try Example.deployment(
      "tp2", device: Example.device(FLOPModel(secondsPerFLOP: 0), overheads: overheads))
    var executor = PlanExecutor(deployment)
    let plan = try plan(.rightPad, [4, 7, 9], outputs: 3)
    let timeline = try executor.run(plan)
    // Nine kernels a layer, the embedding, norm, head and choice; 19 collectives a step.
    let step = 1 + 3 * 0.01 + 19 * 1e-4 + Double(9 * 8 + 4) * 1e-6
    #expect(abs(timeline.batchTTFT - step) < 1e-9)
    #expect(abs(timeline.total - 3 * step) < 1e-9)
    #expect(abs(timeline.prefill[0].overhead - step) < 1e-9)
  }

  @Test func `overlap hides collectives behind compute and never more than there is`() throws {
    let network = try Network(parsing: "ethernet-10g")
    func ttft(_ overlap: Double, _ seconds: Double) throws -> PlanTimeline {
      var settings = Deployment.Settings()
      settings.overlap = overlap
      var executor = PlanExecutor(
        try Example.deployment(
          "tp2", device: Example.device(FLOPModel(secondsPerFLOP: seconds)), network: network,
          settings: settings))
      return try executor.run(plan(.packed, [64]))
    }
    let apart = try ttft(0, 1e-9)
    let half = try ttft(0.5, 1e-9)
    let hidden = apart.batchTTFT - half.batchTTFT
    #expect(abs(hidden / (0.5 * apart.prefill[0].collectives) - 1) < 1e-9)
    let free = try ttft(1, 0)
    #expect(abs(free.batchTTFT - apart.prefill[0].collectives) < 1e-12)
  }

  @Test func `equal plans have equal timelines to the last bit`() throws {
    let deployment = try Example.deployment(
      "tp2pp2", network: Network(parsing: "nvlink3-a100"))
    let plan = try plan(.megatronIterative, [3, 9, 14, 2], outputs: 5, microBatches: 2)
    var first = PlanExecutor(deployment)
    _ = try first.run(self.plan(.packed, [8, 8]))
    var second = PlanExecutor(deployment)
    #expect(try first.run(plan) == second.run(plan))
  }

  @Test func `a device without the format is refused with those that it has`() throws {
    let device = try HardwareCatalogue.accelerator("a100-40gb")
    #expect {
      try Deployment(
        model: Example.model(), layout: .single, hardware: device, settings: .init(format: .fp8))
    } throws: {
      "\($0)".contains("a100-40gb has no peak for fp8; valid: fp32 bf16")
    }
  }

  @Test func `a layout over nodes needs a link between them`() throws {
    #expect {
      try Deployment(
        model: Example.model(), layout: ParallelLayout(parsing: "tp4"), hardware: Example.device(),
        network: Example.freeNetwork(), nodes: [0, 0, 1, 1])
    } throws: {
      "\($0)".contains("has no link between nodes") && "\($0)".contains("+infiniband-hdr")
    }
  }
}
