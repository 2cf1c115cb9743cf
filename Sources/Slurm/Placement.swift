import Models
import Records
import Units

/// Nodes and tasks that a layout takes on a site.
public struct Placement: Hashable, Sendable {
  public let layout: ParallelLayout
  public let nodes: Int
  public let tasksPerNode: Int
  /// Memory to ask for on each node.
  public let memoryBytes: Int

  /// The fewest nodes on which the layout fits with equally many ranks on each and every tensor
  /// group on one node.
  /// - Parameters:
  ///   - nodes: takes exactly so many.
  /// - Throws: `SlurmError` with what was asked and what a node has.
  public init(
    _ resolved: ResolvedJob, _ layout: ParallelLayout, site: SiteSettings, usesGPUs: Bool,
    nodes wanted: Int? = nil
  ) throws {
    let threads = resolved.job.backend.threads
    let (units, most) =
      usesGPUs
      ? ("\(site.gpus) GPUs and \(site.cpus) CPUs", min(site.gpus, site.cpus / threads))
      : ("\(site.cpus) CPUs", site.cpus / threads)
    guard layout.tensor <= most else {
      throw SlurmError(
        "layout \(layout): a tensor group has \(layout.tensor) ranks of \(threads) threads and must "
          + "lie on one node; a node of the site has \(units), room for \(most)")
    }
    let memory = try MemoryEstimate(resolved, layout)
    let groups = layout.worldSize / layout.tensor
    let counts = wanted.map { [$0] } ?? (1...groups).filter { groups % $0 == 0 }
    for nodes in counts {
      guard groups % nodes == 0 else {
        throw SlurmError(
          "layout \(layout): its \(groups) tensor groups cannot be spread evenly over \(nodes) "
            + "nodes; valid: "
            + (1...groups).filter { groups % $0 == 0 }.map(String.init)
            .joined(separator: ", "))
      }
      let tasks = layout.worldSize / nodes
      guard tasks <= most else { continue }
      if let bytes = memory.nodeBytes(tasks: tasks, available: site.memoryBytes) {
        (self.layout, self.nodes, tasksPerNode, memoryBytes) = (layout, nodes, tasks, bytes)
        return
      }
    }
    throw SlurmError(
      "layout \(layout): a node of the site has \(units) and \(Bytes(site.memoryBytes)); "
        + (wanted.map { "\($0) nodes" } ?? "a node of even one tensor group")
        + " would need room for \(layout.worldSize / (wanted ?? groups)) ranks of \(threads) threads "
        + "and about \(Bytes(memory.rankBytes)) each")
  }
}

/// Layouts whose allocations have the same shape and can be elements of one array.
struct AllocationShape: Hashable {
  let nodes: Int
  let tasksPerNode: Int
  var name: String { "\(nodes)x\(tasksPerNode)" }

  /// The placements by shape, shapes in the order of their first layout.
  static func groups(_ placements: [Placement]) -> [(shape: AllocationShape, [Placement])] {
    var groups: [(shape: AllocationShape, [Placement])] = []
    for placement in placements {
      let shape = AllocationShape(
        nodes: placement.nodes, tasksPerNode: placement.tasksPerNode)
      if let index = groups.firstIndex(where: { $0.shape == shape }) {
        groups[index].1.append(placement)
      } else {
        groups.append((shape, [placement]))
      }
    }
    return groups
  }
}
