import Scheduling

extension BatchPlan {
  /// The plan of what a job does with a batch. Without `score`, output lengths that are all 0 ask for
  /// an encoder's.
  public init(
    _ mode: JobMode, _ policy: Policy, promptLengths: [Int], outputLengths: [Int],
    microBatches: Int, padding: MicroBatchPadding = .global, graphs: GraphSizes? = nil
  ) throws {
    if mode == .score {
      try self.init(
        scoring: policy, promptLengths: promptLengths, microBatches: microBatches,
        padding: padding)
    } else if outputLengths.allSatisfy({ $0 == 0 }) {
      try self.init(
        encoding: policy, promptLengths: promptLengths, microBatches: microBatches,
        padding: padding)
    } else {
      try self.init(
        policy: policy, promptLengths: promptLengths, outputLengths: outputLengths,
        microBatches: microBatches, padding: padding, graphs: graphs)
    }
  }
}
