import FoundationEssentials
import Netbench
import Records
import Testing

@Suite struct NetbenchReportTests {
  private let world = RankGroups(
    name: "world", groups: [[0, 1, 2, 3]], placement: .sameNode, isPairs: false)

  @Test("a row has nccl-tests' fields, with bandwidths by its formulas")
  func fields() throws {
    // 1 MB in 500 us: 2.097 GB/s, and 2 · 3/4 of that on the bus.
    let row = try result(.allReduce, size: 1 << 20, time: 500, in: world)
    let text = try JSONText.line(row)
    let object = try #require(
      JSONKeys.of(text), "the row is no JSON object: \(text)")
    for key in [
      "size", "count", "type", "redop", "root", "out_of_place", "in_place",
      "out_of_place_per_iter", "in_place_per_iter", "actual_iterations", "experiment_name",
    ] { #expect(object.contains(key), "\(key)") }
    let variant = try #require(row.inPlace)
    #expect(variant.time == 500)
    #expect(abs(variant.algorithmBandwidth - 2.097152) < 1e-12)
    #expect(abs(variant.busBandwidth - 3.145728) < 1e-12)
    #expect(text.contains("\"nwrong\":0") && text.contains("\"bus_bw\":3.14"))
    #expect(row.count == 1 << 18 && row.type == "float" && row.reduction == "sum")
    #expect(row.root == "-1" && row.calls == 12)
  }

  @Test("operations with one variant have no other")
  func variants() throws {
    let broadcast = try result(.broadcast, size: 64, time: 1, in: world)
    #expect(broadcast.outOfPlace == nil && broadcast.inPlace != nil && broadcast.root == "0")
    let gather = try result(.gather, size: 64, time: 1, in: world)
    #expect(gather.inPlace == nil && gather.count == 4 && gather.reduction == "none")
  }

  @Test("a report survives its JSON and counts wrong elements")
  func roundTrip() throws {
    var row = try result(.allGather, size: 64, time: 3, in: world)
    let whole = try report([row], groups: [world], oversubscribed: true)
    let back = try JSONText.decode(
      NetbenchReport.self, from: try JSONText.pretty(whole), source: "test")
    #expect(back == whole && back.oversubscribed)
    #expect(back.outOfBounds.count == 0 && back.outOfBounds.okay == "true")
    row.inPlace?.wrong = 3
    let spoilt = try report([row], groups: [world])
    #expect(spoilt.outOfBounds.count == 3 && spoilt.outOfBounds.okay == "false")
  }

  @Test("the table has one heading a section, one line a variant, and fits 80 columns")
  func table() throws {
    var table = NetbenchTable()
    var lines = table.lines(try result(.allReduce, size: 8, time: 0.4321, in: world))
    lines += table.lines(try result(.allReduce, size: 1 << 30, time: 1_234_567, in: world))
    lines += table.lines(try result(.broadcast, size: 64, time: 12_345.6, in: world))
    #expect(lines.count { $0.hasPrefix("all-reduce on world: 4 ranks, same node") } == 1)
    #expect(lines.count { $0.hasPrefix("broadcast on world") } == 1)
    #expect(lines.count { $0.contains("algbw   busbw #wrong") } == 2)
    #expect(lines.allSatisfy { $0.count <= 80 })
    try #require(lines.count == 13)
    let words = lines.map { $0.split(separator: " ").map(String.init) }
    #expect(words[4] == ["8", "2", "out", "0.43", "0.43", "0.43", "0.019", "0.028", "0"])
    #expect(words[5].first == "in" && words[6][3] == "1234567")
    #expect(words.last?[4] == "12346")
  }

  @Test("warnings stand at the top")
  func opening() throws {
    let configuration = try report([], groups: [world]).config
    let lines = NetbenchTable.opening(configuration, warnings: ["too many ranks"])
    #expect(lines[0].hasPrefix("2 ranks on 2 hosts (a, b)"))
    #expect(lines[1] == "warning: too many ranks")
  }
}

/// The keys of a JSON object, by Codable alone.
private enum JSONKeys {
  private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
  private struct Keys: Decodable {
    let names: Set<String>
    init(from decoder: any Decoder) throws {
      names = Set(try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue))
    }
  }
  static func of(_ text: String) -> Set<String>? {
    try? JSONDecoder().decode(Keys.self, from: Data(text.utf8)).names
  }
}
