import Costs
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
  init(_ network: Network, nodes: [Int], layout: ParallelLayout) {
    let prices = NetworkPrices(network, nodes: nodes, layout: layout)
    @Sendable func nanoseconds(_ seconds: Double) -> UInt64 { UInt64((seconds * 1e9).rounded()) }
    self.init(
      message: { label, bytes, from, to in
        guard label != Traffic.control else { return nil }
        let price = prices.message(bytes: bytes, from: from, to: to)
        let travel = nanoseconds(price.travel)
        let empty = nanoseconds(price.travel - price.occupied)
        return VirtualClock.MessageCost(travel: travel, occupied: travel - min(travel, empty))
      },
      collective: { label, operation, bytes, members in
        guard label != Traffic.control else { return 0 }
        return nanoseconds(prices.collective(operation.kind, bytes: bytes, members: members))
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
