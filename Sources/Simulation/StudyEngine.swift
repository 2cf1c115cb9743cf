import Hardware
import Models
import Scheduling
import Workloads

/// The study's engine as padtax walks it: prompts in the order given, in engine batches of at most so many
/// requests, one engine batch after another, each fed as `megatron-iterative`; every step samples and hands
/// its tokens to the first stage, so that no stage begins the next one before.
///
/// What a batch's plans take is physics (kernels and links of the device) plus host time for each step and
/// for each slot of the steps' micro-batches beyond the first of a row: the two numbers that are fitted.
public struct StudyEngine {
  /// What is known of a measurement before anything is fitted.
  struct Walked {
    /// Seconds of the plans' kernels and messages, up to the first token of every row.
    var physics = 0.0
    /// Steps up to there, and slots of the bulk prefill among them.
    var steps = 0
    var bulkSlots = 0
    /// Physics and number of the decode steps after it.
    var decodePhysics = 0.0
    var decodeSteps = 0
  }

  /// Host seconds of a configuration.
  public struct HostTime: Sendable, Hashable {
    public var perStep: Double
    public var perBulkSlot: Double
  }

  /// Requests of an engine batch.
  public let limit: Int
  private var estimators: [StudyConfiguration: StaticEstimator] = [:]
  private var executors: [StudyConfiguration: PlanExecutor] = [:]

  /// - Parameter hardware: the devices, without engine overheads.
  public init(
    limit: Int, model: ModelConfiguration, hardware: Accelerator
  ) throws(SimulationError) {
    precondition(limit >= 1, "an engine batch has a request")
    self.limit = limit
    var hardware = hardware
    hardware.overheads = EngineOverheads()
    for configuration in StudyConfiguration.allCases {
      let deployment = try Deployment(
        model: model,
        layout: SimulationError.wrap { try ParallelLayout(parsing: configuration.layout) },
        hardware: hardware)
      estimators[configuration] = try StaticEstimator(deployment)
      var executor = PlanExecutor(deployment)
      executor.isStepSynchronous = true
      executors[configuration] = executor
    }
  }

  /// Engine batches of some prompts.
  func groups(_ lengths: [Int]) -> [[Int]] {
    stride(from: 0, to: lengths.count, by: limit).map {
      Array(lengths[$0..<min($0 + limit, lengths.count)])
    }
  }

  mutating func walk(_ measurement: PaddingStudy.Measurement) throws(SimulationError) -> Walked {
    guard var executor = executors[measurement.configuration],
      var estimator = estimators[measurement.configuration]
    else { preconditionFailure("every configuration has an executor") }
    defer {
      executors[measurement.configuration] = executor
      estimators[measurement.configuration] = estimator
    }
    var walked = Walked()
    for group in groups(measurement.lengths) {
      let plan = try SimulationError.wrap {
        try BatchPlan(
          policy: .megatronIterative, promptLengths: group,
          outputLengths: group.map { _ in 1 }, microBatches: 1)
      }
      walked.physics += try executor.run(plan).batchTTFT
      walked.steps += plan.steps.count
      walked.bulkSlots += plan.steps[0].slots
      let batch = StaticBatch(
        requests: group.count, prompt: group.max() ?? 1, generate: measurement.generate)
      walked.decodePhysics += try estimator.estimate(batch).decodeSeconds
      walked.decodeSteps += measurement.generate - 1
    }
    return walked
  }
}

extension StudyEngine.Walked {
  /// The TTFT with the engine's host time.
  func batchTTFT(_ host: StudyEngine.HostTime) -> Double {
    physics + host.perStep * Double(steps) + host.perBulkSlot * Double(bulkSlots)
  }
}
