import MPI
import Models
import Networks
import Records

extension VirtualClock {
  /// The clock that a job asks for, for one rank; nil for the wall clock.
  /// - Parameter processorTime: as the clock takes it.
  /// - Throws: errors that the coordinator has ruled out when it read the job, unless this rank sees
  ///   other files.
  package static func asked(
    by job: JobSpecification, layout: ParallelLayout, rank: Int,
    processorTime: (() -> UInt64)? = nil
  ) throws -> VirtualClock? {
    guard let time = job.clock.virtualTime else { return nil }
    return VirtualClock(
      rank: rank, computeScale: time.computeScale,
      costs: Costs(
        try Network(parsing: time.network), nodes: try time.nodes.nodes(ranks: layout.worldSize),
        layout: layout),
      processorTime: processorTime)
  }
}

extension VirtualClock.Costs {
  /// What messages cost on a network whose nodes hold the ranks so: `nodes[rank]`. Control traffic
  /// is free. A message occupies its link for as long as its bytes take beyond an empty one's time.
  ///
  /// Where a node's ranks share a port, those of one stage and replica send through it at the same
  /// time, for they have just met in an all-reduce: each message takes as long as all theirs.
  init(_ network: Network, nodes: [Int], layout: ParallelLayout) {
    let places = nodes.indices.map { layout.coordinates(of: $0) }
    let isShared = network.interNode?.sharedByNode == true
    let sharers = nodes.indices.map { rank in
      guard isShared else { return 1 }
      return nodes.indices.count {
        nodes[$0] == nodes[rank] && places[$0].stage == places[rank].stage
          && places[$0].replica == places[rank].replica
      }
    }
    @Sendable func nanoseconds(_ seconds: Double) -> UInt64 { UInt64((seconds * 1e9).rounded()) }
    self.init(
      message: { label, bytes, from, to in
        guard label != Traffic.control else { return nil }
        let same = nodes[from] == nodes[to]
        let load = same ? bytes : bytes * sharers[from]
        let travel = nanoseconds(network.sendSeconds(bytes: load, sameNode: same))
        let empty = nanoseconds(network.sendSeconds(bytes: 0, sameNode: same))
        return VirtualClock.MessageCost(travel: travel, occupied: travel - min(travel, empty))
      },
      collective: { label, operation, bytes, members in
        guard label != Traffic.control, members.count > 1 else { return 0 }
        return nanoseconds(
          network.collectiveSeconds(operation.kind, bytes: bytes, nodes: members.map { nodes[$0] }))
      })
  }
}

extension TrafficOperation {
  /// The collective as networks know it; a barrier is an all-reduce of nothing.
  fileprivate var kind: CollectiveKind {
    switch self {
    case .allGather: .allGather
    case .reduceScatter: .reduceScatter
    case .broadcast, .startBroadcast: .broadcast
    case .gather: .gather
    case .allReduce, .startAllReduce, .barrier, .startBarrier: .allReduce
    case .send, .receive, .sendReceive, .startSend, .startReceive, .wait:
      preconditionFailure("\(self) is no collective")
    }
  }
}
