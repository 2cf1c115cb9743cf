import Hardware
import Models
import Networks
import Scheduling
import Serving
import Units

/// A serving engine that somebody else ran, as far as the scheduler has a say in it: prompts first, cut
/// into chunks, paged KV.
public struct ServingEngine: Sendable, Hashable {
  /// Prompt tokens of an iteration.
  public var chunk = 8192
  /// The share of a device's memory that weights and KV pool have together.
  public var memoryShare = 0.8
  /// Host seconds of an iteration, and of each sequence in it.
  public var step = 0.0
  public var perSequence = 0.0
  /// Seconds between client and engine, there and back, of each request.
  public var request = 0.0

  public init() {}

  /// Sequences at once.
  static let maxBatchSize = 4096
  static let blockSize = 16
  /// Waves of all users: one that finds an empty server and is left out, and those that count.
  static let waves = 3

  /// Mean TTFT and TPOT in milliseconds of a closed loop of equal requests.
  /// - Throws: `SimulationError` of kind `memory` where weights or one request do not fit.
  func times(
    of row: ServingTable.Row, on hardware: Accelerator, network: Network?
  ) throws(SimulationError) -> (ttft: Double, tpot: Double) {
    var device = hardware
    device.overheads = EngineOverheads(step: step, perSequence: perSequence)
    let deployment = try Deployment(
      model: row.model, layout: row.layout, hardware: device, network: network)
    let limits = try limits(of: row, deployment)
    var session = try SimulationError.wrap {
      try ServingSession(
        lengths: Array(repeating: (row.prompt, row.output), count: row.users * Self.waves),
        arrivals: .closed(users: row.users), limits: limits)
    }
    var walk = try ServingWalk(deployment)
    try walk.run(&session)
    if let (_, reason) = session.refusals.first { throw SimulationError(.memory, reason) }
    let window = ServingWindow(session.requests, warmup: row.users).requests
    func mean(_ values: [Double]) -> Double {
      values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    }
    return (
      mean(window.map(\.ttftMilliseconds)) + request * 1000,
      mean(window.compactMap(\.tpotMilliseconds))
    )
  }

  /// KV blocks that a device has room for; none where weights do not fit.
  private func blocks(_ deployment: Deployment) -> Int {
    let memory = memoryShare * Double(deployment.hardware.memory.count)
    let tokens = deployment.shards.indices.map { stage in
      (memory - deployment.weightBytes(stage: stage)) / deployment.cacheBytesPerToken(stage: stage)
    }
    return max(0, Int((tokens.min() ?? 0) / Double(Self.blockSize)))
  }

  /// True when all users' requests at once need more blocks than there are.
  func isShortOfBlocks(
    _ row: ServingTable.Row, on hardware: Accelerator, network: Network?
  ) -> Bool {
    let deployment = try? Deployment(
      model: row.model, layout: row.layout, hardware: hardware, network: network)
    // One more for the pool's watermark.
    let wanted = row.users * ((row.prompt + row.output) / Self.blockSize + 2)
    return deployment.map { blocks($0) < wanted } ?? true
  }

  private func limits(
    of row: ServingTable.Row, _ deployment: Deployment
  ) throws(SimulationError) -> SchedulerLimits {
    let memory = memoryShare * Double(deployment.hardware.memory.count)
    let blocks = blocks(deployment)
    guard blocks > 0 else {
      throw SimulationError(
        .memory,
        "\(row.model.name) under \(row.layout) does not fit: \(MemoryPlan.text(memory)) of a device "
          + "are for weights and KV, and weights take "
          + MemoryPlan.text(deployment.weightBytes(stage: 0)))
    }
    return try SimulationError.wrap {
      try SchedulerLimits(
        maxNumTokens: max(chunk, min(Self.maxBatchSize, row.users)),
        maxBatchSize: min(Self.maxBatchSize, row.users, blocks), blockSize: Self.blockSize,
        blockCount: blocks, prefillFirst: true, iterationsInFlight: row.layout.pipeline)
    }
  }
}

extension ServingEngine: CustomStringConvertible {
  public var description: String {
    "prompts first in chunks of \(chunk), \(Percentage(memoryShare)) of the memory for weights and KV, "
      + "\(Seconds(step)) an iteration, \(Seconds(perSequence)) a sequence in it, \(Seconds(request)) "
      + "a request"
  }
}
