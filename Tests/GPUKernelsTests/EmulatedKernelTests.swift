import TestSupport
import Testing

/// The device code itself, run thread by thread on the host, against the reference backend.
@Suite(.serialized) struct EmulatedKernelTests {
  @Test(
    arguments: [
      ("fp32", "fp32", "forward"), ("bf16", "bf16", "reverse"), ("fp32", "bf16", "reverse"),
      ("bf16", "fp32", "forward"),
    ])
  func `every kernel agrees with the reference, whichever thread runs first`(
    precision: String, cache: String, order: String
  ) throws {
    let result = try StandIn().run(
      "gpu-checks", ["kernels", "--small", "--precision", precision, "--kv-precision", cache],
      ["PADTAX_STANDIN_ORDER": order])
    #expect(result.exitCode == 0, "\(result.summary)")
    #expect(result.standardOutput.contains("kernel checks, 0 failed"), "\(result.summary)")
  }

  @Test func `the benchmark and its table run`() throws {
    let standIn = try StandIn()
    let result = try standIn.run(
      "gpu-checks", ["bench", "--small", "--out", standIn.file("bench.jsonl")])
    #expect(result.exitCode == 0, "\(result.summary)")
    for word in ["gate and up", "prefill attention", "decode attention", "aim 0.80"] {
      #expect(result.standardOutput.contains(word), "\(result.summary)")
    }
  }
}
