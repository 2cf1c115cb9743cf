import Hardware
import Networks
import Testing

@Suite struct HardwareCatalogueTests {
  @Test(arguments: HardwareCatalogue.names)
  func everyDeviceReadsAndNamesLinksOfTheNetworks(name: String) throws {
    let device = try HardwareCatalogue.accelerator(name)
    #expect(device.name == name)
    _ = try Network(parsing: device.network)
    let time = try device.kernels.time(of: .gemm(m: 64, n: 4096, k: 4096), in: .bf16)
    #expect(time.seconds > 0)
  }

  @Test func anUnknownNameIsAnsweredWithTheNearest() {
    #expect(throws: HardwareError.self) { try HardwareCatalogue.accelerator("h10") }
    do {
      _ = try HardwareCatalogue.accelerator("h10")
    } catch {
      #expect(error.description.contains("did you mean h100?"))
    }
  }
}
