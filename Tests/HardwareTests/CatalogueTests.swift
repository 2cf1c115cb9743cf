import Hardware
import Networks
import Testing

@Suite struct HardwareCatalogueTests {
  @Test(arguments: HardwareCatalogue.names)
  func `every device reads and names links of the networks`(name: String) throws {
    let device = try HardwareCatalogue.accelerator(name)
    #expect(device.name == name)
    _ = try Network(parsing: device.network)
    let time = try device.kernels.time(of: .gemm(m: 64, n: 4096, k: 4096), in: .bf16)
    #expect(time.seconds > 0)
  }

  @Test func `an unknown name is answered with the nearest`() {
    #expect(throws: HardwareError.self) { try HardwareCatalogue.accelerator("h10") }
    do {
      _ = try HardwareCatalogue.accelerator("h10")
    } catch {
      #expect(error.description.contains("did you mean h100?"))
    }
  }
}
