import Networks
import TestSupport
import Testing

@Suite struct NetworkTests {
  @Test func `names and files are joined by a plus`() throws {
    let one = try Network(parsing: "pcie4")
    #expect(one.name == "pcie4" && one.interNode == nil)
    let two = try Network(parsing: "nvlink3-a100+infiniband-hdr")
    #expect(two.name == "nvlink3-a100+infiniband-hdr")
    #expect(two.description.contains("NCCL") && two.description.contains("ConnectX-6"))
    let folder = try TemporaryDirectory()
    let file = try folder.write(Sample.link().fileText, to: "mine.json")
    let (alone, second) = try withExtendedLifetime(folder) {
      (try Network(parsing: file), try Network(parsing: "shared-memory+\(file)"))
    }
    #expect(alone.name == "sample")
    #expect(second.name == "shared-memory+sample")
  }

  @Test func `an unknown name lists all there are`() {
    for text in ["nvlink9", "nvlink9+pcie4", "pcie4+nvlink9"] {
      let complaint = Sample.complaint { _ = try Network(parsing: text) }
      #expect(complaint.hasPrefix("no network 'nvlink9'"))
      for name in Catalogue.names { #expect(complaint.contains(name)) }
    }
    for text in ["", "+", "pcie4+", "a+b+c"] {
      let complaint = Sample.complaint { _ = try Network(parsing: text) }
      #expect(complaint.contains("is not a link or two joined by +"), "\(text): \(complaint)")
    }
    let absent = Sample.complaint { _ = try Network(parsing: "./absent.json") }
    #expect(absent == "./absent.json: no such file")
  }

  @Test func `ranks fill nodes in blocks`() throws {
    let network = try Network(parsing: "nvlink3-a100+infiniband-hdr")
    #expect(try network.nodeIndices(ranks: 4, nodes: 1) == [0, 0, 0, 0])
    #expect(try network.nodeIndices(ranks: 4, nodes: 2) == [0, 0, 1, 1])
    #expect(try network.nodeIndices(ranks: 5, nodes: 3) == [0, 0, 1, 1, 2])
    #expect(try network.nodeIndices(ranks: 3, nodes: 3) == [0, 1, 2])
  }

  @Test func `more nodes than ranks, and nodes without a link between them, are refused`() throws {
    let network = try Network(parsing: "nvlink3-a100+infiniband-hdr")
    let many = Sample.complaint { _ = try network.nodeIndices(ranks: 2, nodes: 3) }
    #expect(many == "3 nodes for 2 ranks: each node needs a rank; valid: 1 to 2")
    let none = Sample.complaint { _ = try network.nodeIndices(ranks: 2, nodes: 0) }
    #expect(none == "nodes must be 1 or more, found 0")
    let empty = Sample.complaint { _ = try network.nodeIndices(ranks: 0, nodes: 1) }
    #expect(empty == "ranks must be 1 or more, found 0")
    let alone = try Network(parsing: "pcie4")
    let unlinked = Sample.complaint { _ = try alone.nodeIndices(ranks: 2, nodes: 2) }
    #expect(unlinked.hasPrefix("network pcie4 has no link between nodes, but 2 nodes"))
    #expect(unlinked.contains("ethernet-10g"))
  }

  @Test func `a message takes the link between its ranks`() throws {
    let network = Network(
      intraNode: try Sample.link(), interNode: try Sample.link(latency: 1e-3, bandwidth: 1e6))
    #expect(isClose(network.sendSeconds(bytes: 10_000, sameNode: true), 3e-6))
    // Between nodes it starts no faster than inside one.
    #expect(isClose(network.sendSeconds(bytes: 1000, sameNode: false), 2e-3 + 2e-6))
    let measured = Network(intraNode: try Sample.link(pointToPoint: Sample.table([(8, 7)])))
    #expect(isClose(measured.sendSeconds(bytes: 8, sameNode: true), 7e-6))
  }

  @Test func `the choice by size is the fastest algorithm unless the file fixes one`() throws {
    let free = Network(intraNode: try Sample.link())
    let nodes = [Int](repeating: 0, count: 8)
    let fixed = try CollectiveKind.allReduce.algorithms.map { algorithm in
      Network(intraNode: try Sample.link(algorithms: [.allReduce: algorithm]))
    }
    for bytes in [8, 10_000, 100_000_000] {
      let times = fixed.map { $0.collectiveSeconds(.allReduce, bytes: bytes, nodes: nodes) }
      #expect(Set(times).count > 2)
      #expect(free.collectiveSeconds(.allReduce, bytes: bytes, nodes: nodes) == times.min())
    }
    // Over several nodes the link between them decides.
    let far = try Sample.link(algorithms: [.broadcast: .direct])
    let network = Network(intraNode: try Sample.link(bandwidth: 1e15), interNode: far)
    let seconds = network.collectiveSeconds(.broadcast, bytes: 1_000_000, nodes: [0, 1, 2])
    #expect(isClose(seconds, 2e-6 + 2e6 / 10e9 + 2e-6))
  }

  @Test(arguments: ["nvlink3-a100+infiniband-hdr", "nvlink4-h100+infiniband-ndr400"])
  func `no operation is faster between nodes than inside one`(name: String) throws {
    let network = try Network(parsing: name)
    for bytes in [8, 4096, 1 << 20, 1 << 28] {
      let near = network.sendSeconds(bytes: bytes, sameNode: true)
      #expect(network.sendSeconds(bytes: bytes, sameNode: false) > near, "\(bytes)")
      for kind in [CollectiveKind.allReduce, .allGather, .reduceScatter] {
        let inside = network.collectiveSeconds(kind, bytes: bytes, nodes: [0, 0])
        #expect(
          network.collectiveSeconds(kind, bytes: bytes, nodes: [0, 1]) > inside,
          "\(kind) \(bytes)")
      }
    }
  }

  @Test func `a fixed hierarchical scheme holds for mixed groups and ends between nodes`() throws {
    let free = try Sample.link(latency: 1e-3)
    let fixed = try Sample.link(latency: 1e-3, algorithms: [.allReduce: .hierarchical])
    let inside = try Sample.link(latency: 1)
    func seconds(_ between: Link, _ nodes: [Int]) -> Double {
      Network(intraNode: inside, interNode: between)
        .collectiveSeconds(.allReduce, bytes: 8, nodes: nodes)
    }
    #expect(seconds(fixed, [0, 1, 2]) == seconds(free, [0, 1, 2]))
    #expect(seconds(fixed, [0, 0]) == seconds(free, [0, 0]))
    // Two parts inside; interleaved ranks could do with one step there.
    #expect(seconds(fixed, [0, 0, 1, 1]) > 2)
    #expect(seconds(free, [0, 0, 1, 1]) < 2)
  }

  @Test func `measured tables come before models, between and beyond their rank counts`() throws {
    let tables = try CollectiveTables([
      2: Sample.table([(8, 10), (8000, 100)]), 8: Sample.table([(8, 40), (8000, 400)]),
    ])
    let link = try Sample.link(collectives: [.allReduce: tables])
    let network = Network(intraNode: link, interNode: link)
    func seconds(_ ranks: Int, _ bytes: Int = 8) -> Double {
      network.collectiveSeconds(
        .allReduce, bytes: bytes, nodes: [Int](repeating: 0, count: ranks))
    }
    #expect(isClose(seconds(2), 10e-6))
    #expect(isClose(seconds(8, 8000), 400e-6))
    #expect(isClose(seconds(4), 20e-6))
    // 5 µs a rank, and 15/16 instead of 7/8 of the traffic.
    #expect(isClose(seconds(16), 40e-6 * (15.0 / 16) / (7.0 / 8) + 8 * 5e-6))
    #expect(isClose(seconds(16, 8000), 400e-6 * (15.0 / 16) / (7.0 / 8) + 8 * 5e-6))
    #expect(network.collectiveSeconds(.allReduce, bytes: 8, nodes: [3]) == 0)
    // One rank on each node has a table too; two on each have not.
    #expect(
      isClose(network.collectiveSeconds(.allReduce, bytes: 8, nodes: [0, 1]), 10e-6))
    #expect(network.collectiveSeconds(.allReduce, bytes: 8, nodes: [0, 0, 1, 1]) < 20e-6)
  }
}
