import Glibc
import Kernels
import Tensors
import TestSupport
import Testing

/// Libraries other than Debian's OpenBLAS: stand-ins made with the C compiler, and MKL where it is.
@Suite struct LibraryTests {
  private static let products = """
    #define P(name) PREFIX(name)
    void P(cblas_sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha,
        const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc) {
      for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
          float sum = beta == 0 ? 0 : beta * c[i * ldc + j];
          for (int l = 0; l < k; l++) sum += alpha * a[i * lda + l] * b[j * ldb + l];
          c[i * ldc + j] = sum;
        }
    }
    void P(cblas_sgemv)(void) {}
    """

  /// Compiles a stand-in for a library and hands its path to `body`.
  private func withLibrary(_ source: String, _ body: (String) throws -> Void) throws {
    let folder = try TemporaryDirectory()
    let code = try folder.write(source, to: "library.c")
    let library = folder.file("library.so")
    let made = try runProcess(["clang", "-w", "-shared", "-fPIC", "-o", library, code])
    try #require(made.exitCode == 0, "\(made.summary)")
    try body(library)
    withExtendedLifetime(folder) {}
  }

  @Test func `names with PyPI's prefix are found and used`() throws {
    let source =
      "#define PREFIX(name) scipy_##name\n" + Self.products + """
        char *scipy_openblas_get_config(void) { return "OpenBLAS of the test"; }
        char *scipy_openblas_get_corename(void) { return "core of the test"; }
        """
    try withLibrary(source) { path in
      let backend = try CPUBackend(
        blas: .path(path), dispatch: LinearDispatch(ownVectorProduct: false, ownRows: 1))
      #expect(backend.provenance.core == "core of the test")
      #expect(backend.provenance.version == "OpenBLAS of the test")
      #expect(backend.provenance.library == path)
      var generator = SeededGenerator(seed: 11)
      let (x, w) = (
        randomMatrix(rows: 5, columns: 7, using: &generator),
        randomMatrix(rows: 4, columns: 7, using: &generator)
      )
      let (y, expected) = (
        try backend.matrix(rows: 5, columns: 4), try backend.matrix(rows: 5, columns: 4)
      )
      backend.linear(x, try backend.makeLinear(w, bias: nil), into: y)
      let reference = ReferenceBackend()
      reference.linear(x, try reference.makeLinear(w, bias: nil), into: expected)
      expectClose(y, expected, tolerance: 1e-5, "the stand-in's product")
    }
  }

  @Test func `MKL is told to start no threads, whatever a rank has`() throws {
    let source =
      "#define PREFIX(name) name\n" + Self.products + """
        static int threads, layer = -1;
        void MKL_Set_Num_Threads(int count) { threads = count; }
        int MKL_Set_Threading_Layer(int asked) { return layer = asked; }
        void MKL_Get_Version_String(char *text, int size) {
          __builtin_snprintf(text, size, "MKL, %d threads, layer %d   ", threads, layer);
        }
        """
    try withLibrary(source) { path in
      for threads in [1, 2] {
        let backend = try CPUBackend(blas: .path(path), threads: threads)
        #expect(backend.provenance.version == "MKL, 1 threads, layer 1")
        #expect(backend.provenance.core == "sequential threading layer")
        #expect(backend.provenance.threads == threads)
        #expect(!backend.hasMKLProducts)
      }
    }
  }

  /// The MKL that PADTAX_BENCH_BLAS names, or the loader's.
  private static let mkl: String? = {
    let named = getenv("PADTAX_BENCH_BLAS").map { String(cString: $0) } ?? ""
    return (named.split(separator: ":").map(String.init) + ["libmkl_rt.so", "libmkl_rt.so.3"])
      .first { (try? CPUBackend(blas: .path($0)))?.hasMKLProducts == true }
  }()

  @Test(
    .enabled(if: mkl != nil, "no MKL here (PADTAX_BENCH_BLAS=PATH/libmkl_rt.so)"),
    arguments: MKLWeight.Form.allCases)
  func `MKL's products of each form are the product`(form: MKLWeight.Form) throws {
    let mkl = try CPUBackend(blas: .path(#require(Self.mkl)))
    var generator = SeededGenerator(seed: 12)
    for rows in [1, 9] {
      let (x, w) = (
        randomMatrix(rows: rows, columns: 33, using: &generator),
        randomMatrix(rows: 20, columns: 33, using: &generator)
      )
      let (y, expected) = (
        try mkl.matrix(rows: rows, columns: 20), try mkl.matrix(rows: rows, columns: 20)
      )
      let weight = try #require(mkl.mklWeight(w, form: form, rows: rows))
      weight.multiply(x, halves: MKLWeight.rounded(x), into: y)
      let reference = ReferenceBackend(weights: form == .singlePacked ? .float32 : .bfloat16)
      reference.linear(x, try reference.makeLinear(w, bias: nil), into: expected)
      expectClose(y, expected, tolerance: 1e-5, form.rawValue)
    }
  }
}
