import Locality
import MPI

/// Where the ranks of a launch must lie: on so many hosts, equally many on each, consecutive ones
/// together.
public struct HostExpectation: Sendable {
  public let nodes: Int
  public let tasksPerNode: Int

  public init(nodes: Int, tasksPerNode: Int) {
    self.nodes = nodes
    self.tasksPerNode = tasksPerNode
  }

  /// Gathers every rank's host and compares. Collective.
  /// - Throws: `InferenceError` of kind `failed` on all ranks, with the ranks on each host.
  func check(_ world: borrowing Communicator) throws {
    let names = try world.gatherArrays(Array(Host.name.utf8), root: 0)
    _ = try RankContext.fromCoordinator(world) {
      guard let names else { return [] }
      if let complaint = complaint(names.map { String(decoding: $0, as: UTF8.self) }) {
        throw InferenceError(.failed, complaint)
      }
      return []
    }
  }

  /// What is wrong with ranks on these hosts, given rank by rank; nil when nothing is.
  func complaint(_ hosts: [String]) -> String? {
    var order: [String] = []
    var counts: [String: Int] = [:]
    for host in hosts {
      if counts[host] == nil { order.append(host) }
      counts[host, default: 0] += 1
    }
    let agrees = order.count == nodes && counts.values.allSatisfy { $0 == tasksPerNode }
    let places = "\(nodes) nodes with \(tasksPerNode) ranks each were asked for"
    if agrees {
      let blocks = hosts.enumerated().filter { $0 == 0 || $1 != hosts[$0 - 1] }.count
      return blocks == nodes
        ? nil
        : "the ranks do not lie as asked for: \(places), consecutive ranks together; found "
          + hosts.joined(separator: " ") + " (launch with --distribution=block)"
    }
    let idle = order.count < nodes ? "; \(nodes - order.count) of the nodes are idle" : ""
    let list = order.map { "\($0) \(counts[$0] ?? 0)" }.joined(separator: ", ")
    return "the ranks do not lie as asked for: \(places), found \(order.count) (\(list))\(idle)"
  }
}
