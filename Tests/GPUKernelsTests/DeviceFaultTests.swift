import TestSupport
import Testing

/// A device that fails after start ends its rank with one line and code 1: no trap, no backtrace.
@Suite(.serialized) struct DeviceFaultTests {
  private static let noRanks = RankLauncher.unavailableReason.map {
    "mpirun cannot be started: \($0)"
  }

  private static func verify(layout: String) -> [String] {
    [
      "verify", "--checkpoint", SharedData.packageFolder + "/Tests/Golden/llama3-tiny",
      "--layout", layout, "--policy", "packed", "--backend", "cuda",
    ]
  }

  private func errors(_ result: ProcessOutput) -> [Substring] {
    result.standardError.split(separator: "\n").filter { $0.hasPrefix("padtax: error: ") }
  }

  @Test func `a launch that fails ends the program with the driver's words`() throws {
    let result = try StandIn().run(
      "gpu-checks", ["kernels", "--small", "--precision", "fp32"],
      ["PADTAX_STANDIN_FAIL": "rms_norm_f32:719@2"])
    #expect(result.exitCode == 1, "\(result.summary)")
    #expect(result.standardError.hasPrefix("padtax: error: backend cuda: GPU 0 (stand-in): "))
    #expect(result.standardError.contains("the driver answered 719 (the stand-in was told"))
    #expect(result.standardError.split(separator: "\n").count == 1, "\(result.summary)")
  }

  @Test(.enabled(if: noRanks == nil, "\(noRanks ?? "")"))
  func `one rank's device fails in mid-run: its line names it, and the launch ends`() throws {
    let standIn = try StandIn()
    let result = try RankLauncher.run(
      ranks: 2, try RankLauncher.executable("padtax-rank"), Self.verify(layout: "tp2"),
      environment: standIn.environment.merging(
        ["PADTAX_STANDIN_FAIL": "rms_norm_f32:700@5", "PADTAX_STANDIN_FAIL_RANK": "1"]
      ) { $1 }, timeLimit: 120)
    #expect(result.exitCode == 1, "\(result.summary)")
    #expect(errors(result).count == 1, "\(result.summary)")
    #expect(
      errors(result).first?.hasPrefix(
        "padtax: error: backend cuda: rank 1, GPU 0 (stand-in): cuLaunchKernel") == true,
      "\(result.summary)")
    #expect(!result.standardError.contains("signal"), "\(result.summary)")
  }

  /// The scratch memory of a step comes late, weights come early.
  @Test(
    .enabled(if: noRanks == nil, "\(noRanks ?? "")"),
    arguments: [(3, 2), (12, 2), (60, 1)])
  func `wherever memory runs out, one line says how much was asked for`(
    call: Int, code: Int32
  ) throws {
    let result = try StandIn().run(
      "padtax-rank", Self.verify(layout: "tp1"),
      [
        "PADTAX_STANDIN_FAIL": "cuMemAlloc_v2:2@\(call)", "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
      ])
    #expect(result.exitCode == code, "\(result.summary)")
    #expect(errors(result).count == 1, "\(result.summary)")
    #expect(
      errors(result).first?.contains("bytes of device memory cannot be had") == true,
      "\(result.summary)")
  }
}
