import FoundationEssentials
import Networks
import TestSupport
import Testing

@Suite struct LinkFileTests {
  private static let small = """
    {
      "schema": "padtax.network",
      "version": 1,
      "name": "mine",
      "description": "two hosts",
      "source": "measured",
      "date": "2026-11",
      "latency_us": 2.5,
      "bandwidth_GBps": 12,
      "point_to_point": [
        {"bytes": 8, "time_us": 2.5},
        {"bytes": 1024, "time_us": 3}
      ],
      "collectives": {
        "all-reduce": {
          "2": [
            {"bytes": 8, "time_us": 5}
          ]
        }
      }
    }

    """

  private func read(_ text: String) throws -> Link {
    let folder = try TemporaryDirectory()
    let path = try folder.write(text, to: "link.json")
    return try withExtendedLifetime(folder) { try Link(contentsOf: path) }
  }

  @Test func `a file read and written is the same file`() throws {
    let link = try read(Self.small)
    #expect(link.latency == 2.5e-6 && link.bandwidth == 12e9)
    #expect(link.pointToPoint?.points.count == 2)
    #expect(link.fileText == Self.small)
    for name in Catalogue.names {
      let link = try Catalogue.link(name)
      #expect(try read(link.fileText).fileText == link.fileText)
    }
  }

  @Test func `everything a link has survives writing`() throws {
    let link = try Link(
      name: "all", description: "with \"quotes\"\n\\ and µ", source: "s", date: "d",
      sources: ["latency_us": .init(source: "another", date: "e")],
      latency: 1.5e-6, overhead: 7.25e-6, bandwidth: 48e9, peerBandwidth: 12e9, sharedByNode: true,
      pointToPoint: Sample.table([(1, 1.25), (64, 2)]),
      collectives: [
        .allGather: CollectiveTables([2: Sample.table([(8, 3)]), 16: Sample.table([(8, 4)])])
      ], algorithms: [.broadcast: .tree, .allReduce: .hierarchical])
    #expect(try read(link.fileText) == link)
  }

  @Test func `a table alone gives latency and bandwidth`() throws {
    let text = Self.small.replacing("  \"latency_us\": 2.5,\n", with: "")
      .replacing("  \"bandwidth_GBps\": 12,\n", with: "")
    let link = try read(text)
    let fit = try #require(link.pointToPoint).fit
    #expect(link.latency == fit.latency && link.bandwidth == fit.bandwidth)
  }

  @Test(arguments: [
    ("\"schema\": \"padtax.network\"", "\"schema\": \"other\"", 2, "is not a link file"),
    ("\"version\": 1", "\"version\": 2", 2, "version 2 is not a link file"),
    ("\"name\": \"mine\"", "\"name\": \"a+b\"", 4, "without spaces or '+', found 'a+b'"),
    ("\"date\": \"2026-11\",", "", 1, "key 'date' is missing"),
    ("\"date\"", "\"dates\"", 7, "unknown key 'dates'; known: schema version"),
    ("2.5,\n", "-1,\n", 8, "latency_us must be positive, found -1"),
    ("12,", "\"12\",", 9, "bandwidth_GBps must be a number, found \"12\""),
    ("12,", "12, \"peer_bandwidth_GBps\": 13,", nil, "13.0 of link mine is above"),
    ("1024", "8", 12, "point_to_point[1]: bytes must grow from point to point, found 8 after 8"),
    ("1024", "8.5", 12, "point_to_point[1].bytes must be an integer, found 8.5"),
    ("\"time_us\": 3}", "\"time_us\": 1}", 12, "point_to_point[1]: 1024 bytes take"),
    ("\"time_us\": 3}", "\"time\": 3}", 12, "unknown key 'time'; known: bytes time_us"),
    ("\"all-reduce\"", "\"allreduce\"", 15, "no collective 'allreduce'; known: all-reduce"),
    ("\"2\": [", "\"two\": [", 16, "has 'two'; tables are named by a rank count"),
    ("\"2\": [", "\"1\": [", 16, "has '1'; tables are named by a rank count"),
    ("{\"bytes\": 8, \"time_us\": 5}", "", 16, "at least one point, found none"),
    (
      "12,", "12, \"algorithms\": {\"gather\": \"ring\"},", 9,
      "gather has no algorithm 'ring'; valid: tree direct hierarchical"
    ),
    ("12,", "12, \"sources\": {\"speed\": {\"source\": \"\", \"date\": \"\"}},", 9, "no key"),
    ("  }\n}", "  },\n}", nil, "is not valid JSON"),
  ])
  func `a bad file is refused with its place`(
    old: String, new: String, line: Int?, wanted: String
  ) throws {
    let text = Self.small.replacing(old, with: new, maxReplacements: 1)
    #expect(text != Self.small)
    let complaint = Sample.complaint { _ = try read(text) }
    #expect(complaint.contains(wanted), "\(complaint)")
    if let line { #expect(complaint.contains("link.json:\(line): "), "\(complaint)") }
    #expect(complaint.contains("link.json"))
  }

  @Test func `a link without any time is refused`() {
    let complaint = Sample.complaint {
      _ = try Link(name: "empty", description: "", source: "", date: "")
    }
    #expect(complaint.contains("needs latency_us and bandwidth_GBps, or a point_to_point table"))
  }
}
