import FoundationEssentials
import Networks
import TestSupport
import Testing

@Suite struct CatalogueTests {
  private static let folder = SharedData.packageFolder + "/Sources/Networks/Catalogue"

  @Test func `every file of the folder is in the list and written as padtax writes`() throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
    #expect(files.sorted() == Catalogue.names.map { "\($0).json" }.sorted())
    for name in Catalogue.names {
      let link = try Catalogue.link(name)
      let path = "\(Self.folder)/\(name).json"
      #expect(link.name == name)
      #expect(
        try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self) == link.fileText)
      #expect(!link.source.isEmpty && !link.date.isEmpty && !link.description.isEmpty)
    }
  }

  @Test(
    arguments: [(2, 193.0), (4, 217), (8, 222)])
  func `a large all-reduce on A100s has the measured bus bandwidth`(
    ranks: Int, gigabytes: Double
  ) throws {
    let network = try Network(parsing: "nvlink3-a100")
    let seconds = network.collectiveSeconds(
      .allReduce, bytes: 512 << 20, nodes: [Int](repeating: 0, count: ranks))
    let found = CollectiveKind.allReduce.busBandwidth(
      bytes: 512 << 20, seconds: seconds, ranks: ranks)
    #expect(isClose(found, gigabytes * 1e9, within: 0.02), "\(found)")
  }

  @Test(
    .enabled(
      if: SharedData.path(SweepTests.a100) != nil, "\(SharedData.missing(SweepTests.a100))"),
    arguments: [("nvlink3-a100", SweepTests.a100), ("nvlink4-h100", SweepTests.h100)])
  func `NVLink entries are what their sweeps give`(name: String, file: String) throws {
    let sweep = try CollectiveSweep(contentsOf: try #require(SharedData.path(file)))
    let link = try Catalogue.link(name)
    let fitted = try sweep.link(
      name: name, description: link.description, source: link.source, date: link.date)
    #expect(fitted.fileText == link.fileText)
    // And they meet the rows: what is left is noise and the tolerance of thinning.
    let network = Network(intraNode: link)
    let errors = sweep.rows.compactMap { row in
      row.operation.kind.map { kind in
        let nodes = [Int](repeating: 0, count: row.ranks)
        let seconds = network.collectiveSeconds(kind, bytes: row.bytes, nodes: nodes)
        return abs(seconds / row.seconds - 1)
      }
    }.sorted()
    #expect(errors[errors.count / 2] < 0.015)
    #expect(errors[errors.count * 95 / 100] < 0.08)
  }
}
