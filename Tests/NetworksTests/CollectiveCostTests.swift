import TestSupport
import Testing

@testable import Networks

/// Costs on equal links against the closed forms of the literature: α = 2 µs, β = 1/(10 GB/s).
@Suite struct CollectiveCostTests {
  private let alpha = 2e-6
  private let beta = 1e-10
  private let size = 6_000_000.0

  private func cost(
    _ kind: CollectiveKind, _ algorithm: CollectiveAlgorithm, ranks: Int
  ) throws -> Double {
    let link = try Sample.link()
    return CollectiveCost(intraNode: link, interNode: link)
      .modelled(kind, algorithm, bytes: size, nodes: [Int](repeating: 0, count: ranks))
  }

  @Test(arguments: [2, 3, 4, 5, 6, 7, 8, 16])
  func `ring follows its formula`(n: Int) throws {
    let (p, s) = (Double(n), size)
    let once = (p - 1) * alpha + (p - 1) / p * s * beta
    #expect(isClose(try cost(.allReduce, .ring, ranks: n), 2 * once))
    #expect(isClose(try cost(.allGather, .ring, ranks: n), once))
    #expect(isClose(try cost(.reduceScatter, .ring, ranks: n), once))
  }

  @Test(arguments: [(2, 1.0), (4, 2), (8, 3), (16, 4)])
  func `recursive doubling and halving follow their formulas`(n: Int, steps: Double) throws {
    let share = Double(n - 1) / Double(n)
    let blocks = steps * alpha + share * size * beta
    #expect(
      isClose(
        try cost(.allReduce, .recursiveDoubling, ranks: n), steps * (alpha + size * beta)))
    #expect(isClose(try cost(.allReduce, .recursiveHalving, ranks: n), 2 * blocks))
    #expect(isClose(try cost(.allGather, .recursiveDoubling, ranks: n), blocks))
    #expect(isClose(try cost(.reduceScatter, .recursiveHalving, ranks: n), blocks))
  }

  @Test(arguments: [(3, 2.0, 1.0), (5, 3, 2), (6, 3, 2), (7, 3, 2)])
  func `counts that are no power of two take Bruck's steps or fold the rest in`(
    n: Int, steps: Double, coreSteps: Double
  ) throws {
    let blocks = steps * alpha + Double(n - 1) / Double(n) * size * beta
    #expect(isClose(try cost(.allGather, .recursiveDoubling, ranks: n), blocks))
    #expect(isClose(try cost(.reduceScatter, .recursiveHalving, ranks: n), blocks))
    let whole = alpha + size * beta
    #expect(
      isClose(try cost(.allReduce, .recursiveDoubling, ranks: n), (coreSteps + 2) * whole))
  }

  @Test(arguments: [(2, 1.0), (3, 2), (4, 2), (7, 3), (8, 3)])
  func `trees follow their formulas`(n: Int, steps: Double) throws {
    let whole = alpha + size * beta
    let share = Double(n - 1) / Double(n)
    #expect(isClose(try cost(.broadcast, .tree, ranks: n), steps * whole))
    #expect(isClose(try cost(.allReduce, .tree, ranks: n), 2 * steps * whole))
    #expect(
      isClose(try cost(.gather, .tree, ranks: n), steps * alpha + share * size * beta))
    // Van de Geijn: scatter by tree, all-gather by ring.
    #expect(
      isClose(
        try cost(.broadcast, .ring, ranks: n),
        (steps + Double(n - 1)) * alpha + 2 * share * size * beta))
  }

  @Test func `direct uses all links of a mesh at once, and one port one after another`() throws {
    // Seven links of 1 GB/s, or one port of 7 GB/s.
    let mesh = try Sample.link(bandwidth: 7e9, peerBandwidth: 1e9)
    let port = try Sample.link(bandwidth: 7e9)
    let nodes = [Int](repeating: 0, count: 8)
    func cost(_ link: Link, _ algorithm: CollectiveAlgorithm) -> Double {
      CollectiveCost(intraNode: link, interNode: link)
        .modelled(.allGather, algorithm, bytes: size, nodes: nodes)
    }
    let block = size / 8
    #expect(isClose(cost(mesh, .direct), alpha + block / 1e9))
    #expect(isClose(cost(port, .direct), alpha + 7 * block / 7e9))
    #expect(isClose(cost(mesh, .ring), 7 * (alpha + block / 1e9)))
    // A small all-reduce sends everything to everyone once.
    let small = CollectiveCost(intraNode: mesh, interNode: mesh)
      .modelled(.allReduce, .direct, bytes: 8, nodes: nodes)
    #expect(isClose(small, alpha + 8e-9, within: 1e-6))
  }

  @Test func `a node's shared port carries its ranks' messages one after another`() throws {
    let inside = try Sample.link(bandwidth: 1e15)
    let own = try Sample.link(bandwidth: 1e9)
    let shared = try Sample.link(bandwidth: 1e9, sharedByNode: true)
    // Halving by rank distance: step 1 inside pairs of (0, 1), step 2 between nodes.
    func cost(_ link: Link) -> Double {
      CollectiveCost(intraNode: inside, interNode: link)
        .modelled(.allReduce, .recursiveDoubling, bytes: 1e6, nodes: [0, 0, 1, 1])
    }
    #expect(isClose(cost(own), 2 * alpha + 1e6 / 1e9, within: 1e-6))
    #expect(isClose(cost(shared), 2 * alpha + 2e6 / 1e9, within: 1e-6))
  }

  @Test func `an operation's overhead counts once, whatever its steps`() throws {
    let slow = try Sample.link(overhead: 50e-6)
    let costs = CollectiveCost(intraNode: try Sample.link(), interNode: slow)
    let plain = CollectiveCost(intraNode: try Sample.link(), interNode: try Sample.link())
    for nodes in [[0, 1, 2, 3], [0, 0, 1, 1]] {
      let found = costs.modelled(.allReduce, .ring, bytes: 1e6, nodes: nodes)
      let without = plain.modelled(.allReduce, .ring, bytes: 1e6, nodes: nodes)
      #expect(isClose(found, without + 50e-6))
    }
    #expect(costs.seconds(.allReduce, bytes: 8, nodes: [0, 0]) < 50e-6)
    #expect(isClose(slow.sendSeconds(bytes: 10_000), 53e-6))
  }

  @Test func `over measured nodes only what is built from their tables counts`() throws {
    let table = try CollectiveTables([2: Sample.table([(8, 500), (16, 500)])])
    let measured = try Sample.link(collectives: [.reduceScatter: table, .allReduce: table])
    let costs = CollectiveCost(intraNode: measured, interNode: try Sample.link())
    let nodes = [0, 0, 1, 1]
    #expect(
      costs.seconds(.allReduce, bytes: 8, nodes: nodes)
        == costs.hierarchical(.allReduce, bytes: 8, nodes: nodes))
    #expect(costs.seconds(.allReduce, bytes: 8, nodes: nodes) > 500e-6)
    #expect(costs.seconds(.allGather, bytes: 8, nodes: nodes) < 500e-6)
  }

  @Test func `hierarchical adds its three parts`() throws {
    let inside = try Sample.link(latency: 1e-6, bandwidth: 100e9)
    let between = try Sample.link(latency: 10e-6, bandwidth: 10e9)
    let costs = CollectiveCost(intraNode: inside, interNode: between)
    let nodes = [0, 0, 0, 0, 1, 1, 1, 1]
    // By hand for 8 MB: inside the best of 4 is direct, one α and 3/4 S; between 2 ranks of 2 MB
    // the fastest all-reduce is one exchange of it all.
    let within = 1e-6 + 0.75 * 8e6 / 100e9
    let across = 10e-6 + 2e6 / 10e9
    let found = costs.hierarchical(.allReduce, bytes: 8e6, nodes: nodes)
    #expect(isClose(found, 2 * within + across))
    #expect(
      isClose(
        costs.hierarchical(.allGather, bytes: 8e6, nodes: nodes),
        within + 10e-6 + 1e6 / 10e9))
    // A shared port carries all four parts.
    let shared = try Sample.link(latency: 10e-6, bandwidth: 10e9, sharedByNode: true)
    let onePort = CollectiveCost(intraNode: inside, interNode: shared)
      .hierarchical(.allReduce, bytes: 8e6, nodes: nodes)
    #expect(isClose(onePort, 2 * within + 10e-6 + 8e6 / 10e9))
  }

  @Test(arguments: CollectiveKind.allCases)
  func `hierarchical over one node is the collective inside it`(kind: CollectiveKind) throws {
    let (inside, between) = (try Sample.link(), try Sample.link(latency: 1, bandwidth: 1e3))
    let costs = CollectiveCost(intraNode: inside, interNode: between)
    let nodes = [Int](repeating: 7, count: 6)
    for bytes in [8.0, 1e5, 1e8] {
      let flat = costs.seconds(kind, bytes: bytes, nodes: nodes)
      // Of an all-reduce the two halves are apart.
      let parts =
        kind == .allReduce
        ? costs.seconds(.reduceScatter, bytes: bytes, nodes: nodes)
          + costs.seconds(.allGather, bytes: bytes, nodes: nodes) : flat
      #expect(isClose(costs.hierarchical(kind, bytes: bytes, nodes: nodes), parts))
      #expect(flat <= parts * (1 + 1e-12))
    }
  }
}
