import Models

/// The nodes that Slurm gave this job.
public struct Allocation: Hashable, Sendable {
  public let nodes: Int

  /// - Parameter variables: the environment; nil comes out outside a Slurm job.
  public init?(variables: [String: String]) {
    guard variables["SLURM_JOB_ID"] != nil,
      let nodes = (variables["SLURM_JOB_NUM_NODES"] ?? variables["SLURM_NNODES"]).flatMap({
        Int($0)
      }), nodes > 0
    else { return nil }
    self.nodes = nodes
  }

  /// Ranks on each node.
  /// - Throws: `StudyError` when some nodes would have fewer than others, or none.
  public func ranksPerNode(_ layout: ParallelLayout) throws(StudyError) -> Int {
    let ranks = layout.worldSize
    guard ranks % nodes == 0 else {
      throw StudyError(
        "layout \(layout) has \(ranks) ranks and this allocation \(nodes) nodes: "
          + (ranks < nodes ? "\(nodes - ranks) would be idle" : "some would have more than others")
          + "; ask for a number of nodes that divides the ranks, such as --nodes=1")
    }
    return ranks / nodes
  }
}
