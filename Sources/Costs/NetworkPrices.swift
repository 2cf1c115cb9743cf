import Models
import Networks

/// What the messages and collectives of a layout cost on a network whose nodes hold its ranks.
///
/// Where a node's ranks share a port, those of one stage and replica send through it at the same
/// time, for they have just met in an all-reduce: each message takes as long as all theirs.
public struct NetworkPrices: Sendable {
  public let network: Network
  /// The node of each rank.
  public let nodes: [Int]
  /// How many times as fast as the network says everything is.
  public let speed: Double
  /// Ranks that send through the port of each rank at the same time.
  private let sharers: [Int]

  public init(_ network: Network, nodes: [Int], layout: ParallelLayout, speed: Double = 1) {
    precondition(nodes.count == layout.worldSize, "every rank of the layout has a node")
    precondition(speed > 0, "a network has a speed above 0")
    self.speed = speed
    self.network = network
    self.nodes = nodes
    let places = nodes.indices.map { layout.coordinates(of: $0) }
    let isShared = network.interNode?.sharedByNode == true
    sharers = nodes.indices.map { rank in
      guard isShared else { return 1 }
      return nodes.indices.count {
        nodes[$0] == nodes[rank] && places[$0].stage == places[rank].stage
          && places[$0].replica == places[rank].replica
      }
    }
  }

  /// Seconds of one message, and how long it keeps its link from the next one: what its bytes take
  /// beyond an empty message's time.
  public func message(bytes: Int, from: Int, to: Int) -> (travel: Double, occupied: Double) {
    let same = nodes[from] == nodes[to]
    let load = same ? bytes : bytes * sharers[from]
    let travel = network.sendSeconds(bytes: load, sameNode: same) / speed
    return (travel, max(0, travel - network.sendSeconds(bytes: 0, sameNode: same) / speed))
  }

  /// Seconds of a collective among some ranks, the root first; 0 for one.
  public func collective(_ kind: CollectiveKind, bytes: Int, members: [Int]) -> Double {
    members.count > 1
      ? network.collectiveSeconds(kind, bytes: bytes, nodes: members.map { nodes[$0] }) / speed : 0
  }
}
