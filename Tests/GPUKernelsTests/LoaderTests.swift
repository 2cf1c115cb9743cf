import FoundationEssentials
import TestSupport
import Testing

/// What is missing or fails is said in one line, and the exit code is that of bad input.
@Suite struct LoaderTests {
  private func line(
    _ standIn: StandIn, _ environment: [String: String] = [:]
  ) throws -> String {
    let result = try standIn.run("gpu-checks", ["probe"], environment)
    #expect(result.exitCode == 2, "\(result.summary)")
    let lines = result.standardError.split(separator: "\n")
    #expect(lines.count == 1, "\(result.summary)")
    return String(lines.first ?? "")
  }

  private static let hidden: Comment = "this machine has a driver, which would be found"

  @Test(.enabled(if: !StandIn.hasDriver, hidden))
  func `no driver: the line names the library and what to set`() throws {
    let line = try line(StandIn([]))
    #expect(line.contains("backend cuda: the CUDA driver cannot be opened: libcuda.so.1"))
    #expect(line.contains("PADTAX_CUDA_PATH"))
  }

  @Test(.enabled(if: !StandIn.hasDriver, hidden))
  func `no compiler, no cuBLASLt: the line names what is missing`() throws {
    #expect(try line(StandIn(["libcuda.so.1"])).contains("NVRTC cannot be opened"))
    #expect(
      try line(StandIn(["libcuda.so.1", "libnvrtc.so.13"])).contains("cuBLASLt cannot be opened"))
  }

  @Test func `a library without a function is named with the function`() throws {
    let line = try line(
      StandIn(["libnvrtc.so.13", "libcublasLt.so.13"], strangers: ["libcuda.so.1"]))
    #expect(line.contains("libcuda.so.1 has no function cuInit"), "\(line)")
  }

  @Test(arguments: [
    ("cuInit:100", "cuInit: the driver answered 100 (the stand-in was told to fail)"),
    ("cuDevicePrimaryCtxRetain:2", "cuDevicePrimaryCtxRetain: the driver answered 2"),
    ("cublasLtCreate", "cublasLtCreate answered 1"),
    (
      "nvrtcCompileProgram:6",
      "NVRTC cannot compile rows.cu (code 6): the stand-in compiles nothing"
    ),
    ("cuModuleLoadData:209", "cuModuleLoadData"),
  ])
  func `what a library answers is in the line`(fault: String, wanted: String) throws {
    let line = try line(StandIn(), ["PADTAX_STANDIN_FAIL": fault])
    #expect(line.contains("backend cuda: "), "\(line)")
    #expect(line.contains(wanted), "\(line)")
  }

  @Test func `memory that is not there is asked for in one line`() throws {
    let line = try line(StandIn(), ["PADTAX_STANDIN_MEMORY": "1000000"])
    #expect(line.contains("cuMemAlloc_v2"), "\(line)")
  }

  @Test func `a stand-in that works is described`() throws {
    let result = try StandIn().run("gpu-checks", ["probe"])
    #expect(result.exitCode == 0, "\(result.summary)")
    #expect(result.standardOutput.hasPrefix("stand-in, "))
    #expect(result.standardOutput.contains("no NVML"))
  }

  @Test(arguments: [("12080", "12"), ("13000", "13")])
  func `of two versions the one that the driver knows is taken`(driver: String, taken: String)
    throws
  {
    let standIn = try StandIn(
      StandIn.all + ["libnvrtc.so.12", "libcublasLt.so.12"])
    let result = try standIn.run("padtax-rank", ["gpus"], ["PADTAX_STANDIN_CUDA": driver])
    #expect(result.exitCode == 0, "\(result.summary)")
    #expect(result.standardOutput.hasPrefix("GPU 0: stand-in, "))
    for library in ["libnvrtc.so.", "libcublasLt.so."] {
      #expect(result.standardOutput.contains(library + taken), "\(result.summary)")
    }
  }

  @Test(.enabled(if: !StandIn.hasDriver, hidden))
  func `a list of no GPUs is one line and the exit code of bad input`() throws {
    let result = try StandIn([]).run("padtax-rank", ["gpus"])
    #expect(result.exitCode == 2)
    #expect(result.standardOutput.isEmpty)
    #expect(
      result.standardError.hasPrefix("padtax: error: backend cuda: the CUDA driver cannot be"))
  }

  @Test func `images are compiled once and kept whole`() throws {
    let standIn = try StandIn()
    #expect(try standIn.run("gpu-checks", ["probe"]).exitCode == 0)
    let kept = try FileManager.default.contentsOfDirectory(atPath: standIn.cache).sorted()
    #expect(kept.count == 4)
    #expect(kept.allSatisfy { $0.hasSuffix(".cubin") }, "\(kept)")
    // From here on nothing can be compiled, and nothing has to be.
    let again = try standIn.run(
      "gpu-checks", ["probe"], ["PADTAX_STANDIN_FAIL": "nvrtcCompileProgram"])
    #expect(again.exitCode == 0, "\(again.summary)")
  }

  @Test(.enabled(if: !StandIn.hasDriver, hidden))
  func `ranks without a driver say so and stop`() throws {
    let result = try StandIn([]).run(
      "padtax-rank",
      [
        "verify", "--checkpoint", SharedData.packageFolder + "/Tests/Golden/llama3-tiny",
        "--backend", "cuda",
      ], ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"])
    #expect(result.exitCode == 2, "\(result.summary)")
    #expect(result.standardError.contains("backend cuda: the CUDA driver cannot be opened"))
  }
}
