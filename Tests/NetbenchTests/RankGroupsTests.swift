import Models
import Netbench
import Testing

@Suite struct RankGroupsTests {
  private func names(_ groups: [RankGroups]) -> [String] { groups.map(\.name) }

  @Test("one host without a layout: a pair, powers of two, all")
  func oneHost() {
    let groups = RankGroups.all(layout: nil, hosts: [0, 0, 0, 0, 0])
    #expect(names(groups) == ["one node", "first 2", "first 4", "world"])
    #expect(groups.map(\.groups) == [[[0, 1]], [[0, 1]], [[0, 1, 2, 3]], [[0, 1, 2, 3, 4]]])
    #expect(groups.map(\.isPairs) == [true, false, false, false])
    #expect(groups.allSatisfy { $0.placement == .sameNode })
  }

  @Test("a layout has its tensor groups and the pairs of neighbouring stages")
  func layout() throws {
    let groups = RankGroups.all(
      layout: try ParallelLayout(parsing: "tp2pp3"), hosts: [0, 0, 0, 0, 0, 0])
    #expect(
      names(groups) == ["stages 0-1", "stages 1-2", "one node", "tensor", "world"])
    #expect(groups[0].groups == [[0, 2], [1, 3]])
    #expect(groups[1].groups == [[2, 4], [3, 5]])
    #expect(groups[3].groups == [[0, 1], [2, 3], [4, 5]])
  }

  @Test("replicas have pairs of their own")
  func replicas() throws {
    let groups = RankGroups.all(
      layout: try ParallelLayout(parsing: "pp2dp2"), hosts: [0, 0, 0, 0])
    #expect(groups[0].groups == [[0, 1], [2, 3]])
  }

  @Test("over two hosts there are pairs and groups inside, between, and across both")
  func twoHosts() throws {
    let groups = RankGroups.all(
      layout: try ParallelLayout(parsing: "tp2pp2"), hosts: [0, 0, 2, 2])
    #expect(
      names(groups) == [
        "stages 0-1", "one node", "two nodes", "tensor", "one node", "one per node", "world",
      ])
    #expect(
      groups.map(\.placement) == [
        .acrossNodes, .sameNode, .acrossNodes, .sameNode, .sameNode, .acrossNodes, .mixed,
      ])
    #expect(groups[2].groups == [[0, 2]] && groups[5].groups == [[0, 2]])
  }

  @Test("ranks that alternate between hosts are told apart, and one a host has no pair inside")
  func alternating() {
    let groups = RankGroups.all(layout: nil, hosts: [0, 1, 0, 1])
    #expect(groups.first { $0.name == "one node" && $0.isPairs }?.groups == [[0, 2]])
    #expect(groups.first { $0.name == "first 2, one per node" }?.placement == .acrossNodes)
    let single = RankGroups.all(layout: nil, hosts: [0, 1])
    #expect(names(single) == ["two nodes", "one per node, world"])
  }
}
