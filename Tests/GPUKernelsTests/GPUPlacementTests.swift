import GPUKernels
import Glibc
import TestSupport
import Testing

@Suite struct GPUPlacementTests {
  @Test func `unbound ranks take devices in order, and start again when there are no more`() {
    let anywhere = [0, 1]
    #expect(
      GPUPlacement.devices(
        ofRanks: Array(repeating: anywhere, count: 5), devices: [0, 0, 1]) == [0, 1, 2, 0, 1])
    #expect(GPUPlacement.devices(ofRanks: [[0], [1]], devices: [nil]) == [0, 0])
  }

  @Test func `a bound rank gets a device beside its cores, whoever comes first`() {
    #expect(
      GPUPlacement.devices(ofRanks: [[1], [0], [1], [0]], devices: [0, 0, 1, 1]) == [2, 0, 3, 1])
    // The first rank may go anywhere; the second has one near device.
    #expect(GPUPlacement.devices(ofRanks: [[0, 1], [0]], devices: [0, 1]) == [1, 0])
  }

  @Test func `a device of one's own comes before a near one`() {
    #expect(GPUPlacement.devices(ofRanks: [[0], [0]], devices: [1, 0]) == [1, 0])
  }

  @Test func `the node of a card is the kernel's, by the short form of its address`() throws {
    let folder = try TemporaryDirectory()
    for (name, text) in [("0000:3b:00.0", "1\n"), ("0000:5e:00.0", "-1\n")] {
      #expect(mkdir(folder.file(name), 0o755) == 0)
      try folder.write(text, to: "\(name)/numa_node")
    }
    func node(_ bus: String) -> Int? { GPUPlacement.numaNode(ofBus: bus, folder: folder.path) }
    #expect(node("00000000:3B:00.0") == 1)
    #expect(node("00000000:5E:00.0") == nil)
    #expect(node("00000000:AF:00.0") == nil)
    #expect(node("") == nil)
  }
}
