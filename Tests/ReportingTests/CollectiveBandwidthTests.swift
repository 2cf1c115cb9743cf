import Networks
import Records
import Testing

@testable import Reporting

@Suite struct CollectiveBandwidthTests {
  /// Two ranks that reduce 1 MiB in 100 us each, twice, beside traffic that has no bandwidth to tell.
  private func cell(virtual network: String? = nil) -> CellContents {
    var provenance = Fixture.provenance()
    provenance.virtualTime = network.map {
      VirtualTimeFacts(
        network: $0, networkSource: "test", nodes: 1, computeScale: 1, computeTokens: nil)
    }
    var reduced = Fixture.traffic("all-reduce", "tensor", bytes: 2 << 20, moving: 200e-6)
    reduced.calls = 2
    let others = [
      Fixture.traffic("gather", "tensor", bytes: 100, moving: 1e-6),
      Fixture.traffic("all-reduce", "control", bytes: 100, moving: 1e-6),
      Fixture.traffic("all-gather", "tensor", bytes: 100),
    ]
    return Fixture.cell(
      [Fixture.batch("packed", ttft: 2, total: 4)],
      ranks: (0..<2).map { rank in
        Fixture.rank(
          "packed", "prefill", rank: rank, wall: 1, compute: 0.5, communication: 0.1,
          traffic: [reduced] + others)
      }, provenance: provenance)
  }

  @Test("bus bandwidth is S over t times the factor, of collectives that have times alone")
  func measured() throws {
    let rows = CollectiveBandwidth.all(of: cell(), network: nil)
    #expect(rows.count == 1)
    let row = try #require(rows.first)
    #expect(row.operation == "all-reduce" && row.phase == "prefill" && row.ranks == 2)
    #expect(row.calls == 4 && row.callBytes == 1_048_576 && row.callSeconds.isNear(100e-6))
    // 2(n-1)/n is 1 for two ranks.
    #expect(row.busBandwidth.isNear(1_048_576 / 100e-6))
    #expect(row.tableBusBandwidth == nil && row.ratio == nil)
  }

  @Test("the table's figure is the network's, named by the run or from outside")
  func against() throws {
    let network = try Network(parsing: "nvlink3-a100")
    let seconds = network.collectiveSeconds(.allReduce, bytes: 1 << 20, nodes: [0, 0])
    let own = try #require(
      CollectiveBandwidth.all(of: cell(virtual: "nvlink3-a100"), network: nil).first)
    #expect(own.network == "nvlink3-a100")
    #expect(try #require(own.tableBusBandwidth).isNear(1_048_576 / seconds))
    #expect(try #require(own.ratio).isNear(seconds / 100e-6))
    let given = try #require(
      CollectiveBandwidth.all(of: cell(), network: "nvlink3-a100").first)
    #expect(given.tableBusBandwidth == own.tableBusBandwidth)
    let lost = CollectiveBandwidth.all(of: cell(virtual: "gone/x.json"), network: nil).first
    #expect(lost?.tableBusBandwidth == nil && lost?.network == nil)
  }

  @Test("ranks on two hosts are priced by the link between them, or not at all")
  func hosts() throws {
    var apart = cell()
    apart.provenance?.ranks[1].host = "other"
    let inside = CollectiveBandwidth.all(of: apart, network: "shared-memory").first
    #expect(inside?.nodes == 2 && inside?.tableBusBandwidth == nil)
    let name = "shared-memory+ethernet-10g"
    let row = try #require(CollectiveBandwidth.all(of: apart, network: name).first)
    let seconds = try Network(parsing: name).collectiveSeconds(
      .allReduce, bytes: 1 << 20, nodes: [0, 1])
    #expect(try #require(row.tableBusBandwidth).isNear(1_048_576 / seconds))
  }

  @Test("table and chart hold measured and table's figures; without a network the page says so")
  func shown() throws {
    let contents = RunContents(
      identifier: "r1", run: nil, job: nil, cells: [cell(virtual: "nvlink3-a100")])
    let summary = Summary(contents)
    let text = summary.text(width: 200)
    #expect(text.contains("BUS BANDWIDTH OF COLLECTIVES AGAINST THE NETWORK'S TABLE"))
    let ratio = try #require(summary.bandwidth?.first?.ratio)
    #expect(text.contains("10.5 ") && text.contains(" \(Summary.percent(ratio))"), "\(text)")
    let report = HTMLReport(summary, runs: [contents])
    let spec = try #require(try report.specifications().first { $0.name == "bus-bandwidth" }?.json)
    #expect(
      spec.contains("\"type\":\"log\"") && spec.contains("\"g\":\"all-reduce 2 1 nvlink3-a100\""))
    #expect(try report.page(bundle: nil).contains("what the table of nvlink3-a100 says"))
    let bare = RunContents(identifier: "r1", run: nil, job: nil, cells: [cell()])
    let page = try HTMLReport(Summary(bare), runs: [bare]).page(bundle: nil)
    #expect(page.contains("No network is named; <code>padtax report --network</code>"))
  }
}
