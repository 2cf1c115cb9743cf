import Models
import Networks
import Scheduling
import Statistics
import Testing

@testable import Simulation

@Suite struct StaticEstimatorTests {
  @Test(arguments: ["tp1", "tp4", "pp4", "tp2pp2"], [1, 3])
  func `an estimate is what walking the whole plan gives`(
    layout: String, microBatches: Int
  ) throws {
    var random = SequentialRandom(seed: 11)
    let deployment = try Example.deployment(layout, network: Network(parsing: "nvlink3-a100"))
    for policy in [Policy.rightPad, .packed, .sorted] {
      let lengths = (0..<9).map { _ in 1 + Int(random.next() % 200) }
      let plan = try BatchPlan(
        policy: policy, promptLengths: lengths, outputLengths: lengths.map { _ in 40 },
        microBatches: microBatches)
      var executor = PlanExecutor(deployment)
      let whole = try executor.run(plan)
      var estimator = try StaticEstimator(deployment)
      let batch = try StaticBatch(
        lengths: lengths, policy: policy, generate: 40, microBatches: microBatches)
      let estimate = try estimator.estimate(batch)
      #expect(abs(estimate.batchTTFT / whole.batchTTFT - 1) < 1e-9)
      #expect(abs(estimate.total / whole.total - 1) < 0.003, "\(policy) \(lengths)")
      #expect(estimator.memory(batch) == MemoryPlan(deployment, .init(plan)))
    }
  }

  @Test func `equal requests need no list of lengths`() throws {
    for layout in ["tp2", "pp4"] {
      let deployment = try Example.deployment(layout)
      var estimator = try StaticEstimator(deployment)
      let uniform = StaticBatch(requests: 10, prompt: 33, generate: 9, microBatches: 3)
      let listed = try StaticBatch(
        lengths: Array(repeating: 33, count: 10), policy: .packed, generate: 9, microBatches: 3)
      #expect(try estimator.estimate(uniform) == estimator.estimate(listed))
      #expect(estimator.memory(uniform) == estimator.memory(listed))
    }
  }

  @Test func `reductions, dialects and chunks send what the operations say`() throws {
    var seconds: [Double] = []
    for (dialect, reduction, chunks) in [
      (Dialect.megatron, TensorReduction.reduceScatter, 1), (.vllmV0, .allReduce, 1),
      (.megatron, .allReduce, 1), (.megatron, .allReduce, 3),
    ] {
      var settings = Deployment.Settings()
      settings.dialect = dialect
      settings.reduction = reduction
      settings.reductionChunks = chunks
      let deployment = try Example.deployment(
        "tp4pp2", network: Network(parsing: "ethernet-10g"), settings: settings)
      let lengths = [7, 113, 130, 2, 99]
      let plan = try BatchPlan(
        policy: .packed, promptLengths: lengths, outputLengths: lengths.map { _ in 3 },
        microBatches: 2)
      var executor = PlanExecutor(deployment)
      var estimator = try StaticEstimator(deployment)
      let batch = try StaticBatch(
        lengths: lengths, policy: .packed, generate: 3, microBatches: 2)
      let (whole, estimate) = (try executor.run(plan), try estimator.estimate(batch))
      #expect(abs(estimate.batchTTFT / whole.batchTTFT - 1) < 1e-9)
      #expect(abs(estimate.total / whole.total - 1) < 0.01)
      seconds.append(whole.total)
    }
    // More messages, one behind the other.
    #expect(seconds[3] > seconds[2])
  }

  @Test func `a policy that prefills step by step is left to the executor`() {
    #expect(throws: SimulationError.self) {
      try StaticBatch(lengths: [3, 9], policy: .megatronIterative, generate: 4)
    }
  }
}
