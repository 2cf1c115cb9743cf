import FoundationEssentials
import TestSupport
import Testing

/// The device code, compiled for real cards where NVRTC is there; CI fetches it.
@Suite struct CompileTests {
  private static let nvrtc: Bool = {
    let own = SharedData.packageFolder + "/.build/nvrtc"
    let named = ProcessInfo.processInfo.environment["PADTAX_CUDA_PATH"]
    return named != nil || FileManager.default.fileExists(atPath: own + "/lib")
  }()

  @Test(.enabled(if: nvrtc, "no NVRTC: scripts/compile-kernels fetches it"))
  func `kernels compile for sm_80 and sm_90a, and attention keeps to its registers`() throws {
    let result = try runProcess(
      [SharedData.packageFolder + "/scripts/compile-kernels"], timeLimit: 300)
    #expect(result.exitCode == 0, "\(result.summary)")
    for kernel in ["sm_80 prefill_128", "sm_90a prefill_128", "sm_80 decode_64", "sm_90a rows.cu"] {
      #expect(result.standardOutput.contains(kernel), "\(result.summary)")
    }
  }
}
