import FoundationEssentials
import Networks
import TestSupport
import Testing

@Suite struct CatalogueTests {
  @Test func `every file of the folder is in the list and reads`() throws {
    let folder = SharedData.packageFolder + "/Sources/Networks/Catalogue"
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(files.sorted() == Catalogue.names.map { "\($0).json" }.sorted())
    for name in Catalogue.names {
      let link = try Catalogue.link(name)
      #expect(link.name == name)
    }
  }
}
