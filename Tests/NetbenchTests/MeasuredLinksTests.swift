import Netbench
import Networks
import TestSupport
import Testing

@Suite struct MeasuredLinksTests {
  private static let inside = RankGroups(
    name: "one node", groups: [[0, 1]], placement: .sameNode, isPairs: true)
  private static let between = RankGroups(
    name: "two nodes", groups: [[0, 2]], placement: .acrossNodes, isPairs: true)
  private static let stages = RankGroups(
    name: "stages 0-1", groups: [[0, 2], [1, 3]], placement: .acrossNodes, isPairs: true)
  private static let tensor = RankGroups(
    name: "tensor", groups: [[0, 1], [2, 3]], placement: .sameNode, isPairs: false)
  private static let leaders = RankGroups(
    name: "one per node", groups: [[0, 2]], placement: .acrossNodes, isPairs: false)
  private static let world = RankGroups(
    name: "world", groups: [[0, 1, 2, 3]], placement: .mixed, isPairs: false)

  private func measured(_ results: [NetbenchResult]) throws -> MeasuredLinks {
    try MeasuredLinks(
      report(
        results,
        groups: [
          Self.stages, Self.inside, Self.between, Self.tensor, Self.leaders, Self.world,
        ]), name: "here", command: "padtax netbench --ranks 4")
  }

  @Test("both links can be written, and read back by name as a network")
  func roundTrip() throws {
    let links = try measured([
      result(.pingPong, size: 8, time: 1, in: Self.inside),
      result(.pingPong, size: 8192, time: 4, in: Self.inside),
      result(.pingPong, size: 8, time: 90, in: Self.stages),
      result(.pingPong, size: 8, time: 50, in: Self.between),
      result(.pingPong, size: 8192, time: 130, in: Self.between),
      result(.allReduce, size: 64, time: 3, in: Self.tensor),
      result(.allGather, size: 64, time: 77, in: Self.leaders),
      result(.allReduce, size: 64, time: 200, in: Self.world),
    ])
    let folder = try TemporaryDirectory()
    let intra = try folder.write(#require(links.intraNode).fileText, to: "here.json")
    let inter = try folder.write(#require(links.interNode).fileText, to: "here-inter.json")
    let network = try Network(parsing: intra + "+" + inter)
    #expect(network.name == "here+here-inter")
    func isClose(_ found: Double, _ microseconds: Double) -> Bool {
      abs(found * 1e6 - microseconds) < 1e-5 * microseconds
    }
    #expect(isClose(network.sendSeconds(bytes: 8, sameNode: true), 1))
    #expect(isClose(network.sendSeconds(bytes: 8192, sameNode: true), 4))
    // The pair alone, not the two pairs at once.
    #expect(isClose(network.sendSeconds(bytes: 8, sameNode: false), 50))
    #expect(isClose(network.collectiveSeconds(.allReduce, bytes: 64, nodes: [0, 0]), 3))
    #expect(isClose(network.collectiveSeconds(.allGather, bytes: 64, nodes: [0, 1]), 77))
    // Times over mixed groups belong to no link.
    #expect(network.interNode?.collectives[.allReduce] == nil)
    #expect(network.intraNode.collectives[.allReduce]?.rankCounts == [2])
    #expect(network.intraNode.source == "padtax netbench --ranks 4 on 2 x test CPU")
    #expect(network.intraNode.date == "2026-11-21")
    #expect(network.interNode?.sharedByNode == true && !network.intraNode.sharedByNode)
  }

  @Test("a size that took longer than a larger one gets the larger one's time")
  func disturbed() throws {
    let links = try measured([
      result(.pingPong, size: 8, time: 1, in: Self.inside),
      result(.pingPong, size: 16, time: 40, in: Self.inside),
      result(.pingPong, size: 32, time: 0, in: Self.inside),
      result(.pingPong, size: 64, time: 2, in: Self.inside),
    ])
    let points = try #require(links.intraNode?.pointToPoint).points
    #expect(points.map(\.bytes) == [8, 16, 64])
    #expect(points.map { $0.seconds * 1e6 } == [1, 2, 2])
    #expect(links.interNode == nil)
  }

  @Test("without ping-pong there is no link")
  func withoutMessages() throws {
    let rows = [try result(.allReduce, size: 8, time: 1, in: Self.tensor)]
    #expect(throws: NetbenchError.self) { try measured(rows) }
  }
}
