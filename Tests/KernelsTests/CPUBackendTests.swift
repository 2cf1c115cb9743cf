import CKernels
import Kernels
import Testing

@Suite struct CPUBackendTests {
  @Test func `provenance names the library and its kernels`() throws {
    let provenance = try CPUBackend().provenance
    #expect(provenance.name == "cpu")
    #expect(provenance.library.contains("openblas"))
    #expect(!provenance.core.isEmpty)
    #expect(provenance.version.contains("OpenBLAS"))
    #expect(provenance.threads == 1)
    #expect(provenance.instructionSet == String(cString: ck_instruction_set()))
    #expect(provenance.warnings.isEmpty == (provenance.core != "Prescott"))
  }

  @Test func `a library that does not exist is an error that says what was tried`() {
    #expect {
      _ = try CPUBackend(blas: .path("libnothing-of-this-name.so"))
    } throws: { error in
      let text = "\(error)"
      return text.contains("libnothing-of-this-name.so: cannot open") && text.contains("Install")
    }
  }

  @Test func `a library without a CBLAS is refused by the missing function's name`() {
    #expect {
      _ = try CPUBackend(blas: .path("libm.so.6"))
    } throws: { error in
      "\(error)".contains("libm.so.6: has no cblas_sgemm")
    }
  }

  @Test(arguments: [0, -1, 100_000])
  func `a thread count that makes no sense is an error`(threads: Int) {
    #expect(throws: KernelsError.invalidThreads(threads)) { try CPUBackend(threads: threads) }
  }

  @Test func `the portable kernels are available everywhere`() throws {
    #expect(CPUBackend.availableInstructionSets.last == .portable)
    #expect(try CPUBackend(instructionSet: .portable).provenance.instructionSet == "portable")
  }

  @Test func `ceilings are positive figures`() throws {
    let backend = try CPUBackend()
    #expect(backend.measureMultiplyAddPeak(seconds: 0.001) > 0.1)
    #expect(try backend.measureReadBandwidth(bytes: 1 << 20, repeats: 2) > 0.01)
    #expect(try backend.measureSgemmRate(rows: 16, inputs: 64, outputs: 32) > 0)
  }
}
