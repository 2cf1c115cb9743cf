import Hardware
import Testing

/// What a hardware file may say, and what is answered when it says something else.
@Suite struct HardwareFileTests {
  private static let good = """
    name: mine
    description: a card
    memory-gib: 10
    bandwidth-gbps: 100
    peak-tflops: {fp32: 1, bf16: 2}
    devices-per-node: 2
    links: {node: pcie4, between: ethernet-10g}
    kernels: roofline
    efficiency: {gemm: 0.5, attention: 0.5, memory: 0.5, launch-us: 10}
    overhead-us: {step: 100, sequence: 1, collective: 2, kernel: 3}
    """

  private static func message(_ text: String) -> String {
    do {
      _ = try Accelerator(parsing: text, file: "hw.yaml")
      return "accepted"
    } catch {
      return error.description
    }
  }

  @Test func `a file gives a device`() throws {
    let device = try Accelerator(parsing: Self.good, file: "hw.yaml")
    #expect(device.memory.count == 10 << 30)
    #expect(device.network == "pcie4+ethernet-10g")
    #expect(
      device.overheads
        == EngineOverheads(
          step: 100e-6, perSequence: 1e-6, perCollective: 2e-6, perKernel: 3e-6))
    #expect(device.tables == nil)
  }

  @Test func `a base gives what the file lacks`() throws {
    let device = try Accelerator(
      parsing: "base: h100\nname: slow\nbandwidth-gbps: 1000\n", file: "hw.yaml")
    let base = try HardwareCatalogue.accelerator("h100")
    #expect(device.bandwidth == 1e12)
    #expect(device.peaks == base.peaks)
    #expect(device.isCarriedOver && !base.isCarriedOver)
    let call = KernelCall.gemm(m: 8, n: 4096, k: 4096)
    #expect(try device.kernels.time(of: call, in: .bf16).basis == .extrapolated)
    #expect(try base.kernels.time(of: call, in: .bf16).basis == .table)
  }

  @Test(arguments: [
    ("memory-gib: 10", "memory-gib: -1", "hw.yaml:3: memory-gib: '-1' is not a number above 0"),
    (
      "memory-gib: 10", "memori-gib: 10",
      "hw.yaml:3: memori-gib: unknown key; did you mean memory-gib?"
    ),
    ("bandwidth-gbps: 100", "", "bandwidth-gbps: is missing"),
    ("fp32: 1", "fp23: 1", "hw.yaml:5: peak-tflops.fp23: unknown format; did you mean fp32?"),
    ("fp32: 1", "fp32: nan", "hw.yaml:5: peak-tflops.fp32: 'nan' is not a number above 0"),
    (
      "kernels: roofline", "kernels: h10",
      "hw.yaml:8: kernels: no kernels 'h10'; did you mean h100?"
    ),
    (
      "gemm: 0.5", "gemm: 1.5",
      "hw.yaml:9: efficiency.gemm: '1.5' is not a number above 0 and at most 1"
    ),
    ("name: mine", "name: [", "hw.yaml:"),
    ("name: mine", "name: a\nname: b", "key 'name' is there twice"),
  ])
  func `a bad file is answered with its place`(good: String, bad: String, message: String) {
    guard let range = Self.good.firstRange(of: good) else {
      Issue.record("not in the file: \(good)")
      return
    }
    let edited = String(Self.good[..<range.lowerBound]) + bad + Self.good[range.upperBound...]
    let found = Self.message(edited)
    #expect(found.contains(message), "\(found)")
  }

  @Test func `a precision without a peak is refused with those that have one`() throws {
    let device = try HardwareCatalogue.accelerator("a100")
    for call in [KernelCall.gemm(m: 1, n: 1, k: 1)] {
      do {
        _ = try device.kernels.time(of: call, in: .fp8)
        Issue.record("priced")
      } catch {
        #expect(error.kind == .precision)
        #expect(error.description.hasSuffix("has no peak for fp8; valid: fp32 bf16"))
      }
    }
  }
}
