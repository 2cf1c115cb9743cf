import Networks
import TestSupport
import Testing

/// What holds for every network, operation, size and placement.
@Suite struct CostPropertyTests {
  static let networks =
    ["shared-memory", "xgmi-mi325x"]
    + ["nvlink3-a100", "nvlink4-h100", "pcie4"].flatMap { inside in
      ["infiniband-hdr", "ethernet-25g"].map { "\(inside)+\($0)" }
    }

  @Test(arguments: networks) func `more bytes never take less time`(name: String) throws {
    let network = try Network(parsing: name)
    var random = SplitMix64(seed: 4)
    for kind in CollectiveKind.allCases {
      for ranks in [2, 3, 4, 6, 8, 12] {
        let most = network.interNode == nil ? 1 : ranks
        let nodes = try network.nodeIndices(
          ranks: ranks, nodes: Int.random(in: 1...most, using: &random))
        var last = 0.0
        for exponent in 0..<31 {
          let bytes = Int.random(in: (1 << exponent)...(2 << exponent) - 1, using: &random)
          let seconds = network.collectiveSeconds(kind, bytes: bytes, nodes: nodes)
          #expect(seconds >= last * (1 - 1e-12), "\(name) \(kind.rawValue) \(nodes) \(bytes)")
          last = seconds
        }
      }
    }
  }

  @Test(arguments: 1...10) func `no collective beats its ports`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    for kind in CollectiveKind.allCases {
      let ranks = Int.random(in: 2...16, using: &random)
      let count = Int.random(in: 1...ranks, using: &random)
      let bytes = Int.random(in: 1...1 << 26, using: &random)
      let shared = Bool.random(using: &random)
      let inside = try Sample.link(bandwidth: 50e9)
      let between = try Sample.link(latency: 9e-6, bandwidth: 5e9, sharedByNode: shared)
      let network = Network(intraNode: inside, interNode: between)
      let nodes = try network.nodeIndices(ranks: ranks, nodes: count)
      let seconds = network.collectiveSeconds(kind, bytes: bytes, nodes: nodes)
      // Each rank's port carries the factor's share; so does each node's between the nodes.
      let port = kind.busBandwidthFactor(ranks: ranks) * Double(bytes) / inside.bandwidth
      let note = "seed \(seed): \(kind.rawValue), \(bytes) bytes, nodes \(nodes)"
      #expect(seconds >= (port + inside.latency) * (1 - 1e-12) || count == ranks, "\(note)")
      guard count > 1 else { continue }
      #expect(seconds >= between.latency, "\(note)")
      guard shared, kind == .allReduce || kind == .broadcast else { continue }
      let nodePort = kind.busBandwidthFactor(ranks: count) * Double(bytes) / between.bandwidth
      #expect(seconds >= nodePort * (1 - 1e-12), "\(note)")
    }
  }

  @Test func `bus bandwidth of a ring tends to the link's for every rank count`() throws {
    let network = Network(intraNode: try Sample.link(algorithms: [.allReduce: .ring]))
    for ranks in 2...16 {
      let bytes = 1 << 34
      let seconds = network.collectiveSeconds(
        .allReduce, bytes: bytes, nodes: [Int](repeating: 0, count: ranks))
      let found = CollectiveKind.allReduce.busBandwidth(
        bytes: bytes, seconds: seconds, ranks: ranks)
      #expect(isClose(found, 10e9, within: 1e-3))
    }
  }
}
