import CBLASLoader

/// The loaded CBLAS. Every call to the library is in this file, MKL's own in `MKLWeight`.
struct CBLAS {
  private let gemm: cb_sgemm_function
  private let gemv: cb_sgemv_function
  let path: String
  let core: String
  let version: String
  let kind: cb_kind
  /// What MKL has besides; nil in another library.
  let mkl: cb_mkl?

  /// Sets the environment that the library reads, then loads it; it stays loaded, and starts no
  /// threads.
  init(_ selection: BLASSelection) throws(KernelsError) {
    cb_prepare_environment()
    var library = cb_library()
    var text = [CChar](repeating: 0, count: 2048)
    let code =
      switch selection {
      case .openBLAS: cb_load(nil, &library, &text, text.count)
      case .path(let path): cb_load(path, &library, &text, text.count)
      }
    guard code == 0, let gemm = library.sgemm, let gemv = library.sgemv else {
      throw KernelsError.libraryNotFound(
        asked: selection.description, tried: text.withUnsafeBufferPointer(CBLAS.text))
    }
    self.gemm = gemm
    self.gemv = gemv
    kind = library.kind
    let more = UnsafeMutablePointer<cb_mkl>.allocate(capacity: 1)
    defer { more.deallocate() }
    mkl = cb_find_mkl(&library, more) == 0 ? more.pointee : nil
    path = String(cString: cb_path(&library))
    core = String(cString: cb_core(&library))
    version = String(cString: cb_version(&library))
  }

  private static func text(_ buffer: UnsafeBufferPointer<CChar>) -> String {
    buffer.baseAddress.map { String(cString: $0) } ?? ""
  }

  /// `y[rows, outputs] = x[rows, inputs] w[outputs, inputs]^T + beta * y`.
  func product(
    rows: Int, outputs: Int, inputs: Int, x: UnsafePointer<Float>, xStride: Int,
    w: UnsafePointer<Float>, wStride: Int, beta: Float, y: UnsafeMutablePointer<Float>,
    yStride: Int
  ) {
    gemm(
      Int32(cb_row_major), Int32(cb_no_transpose), Int32(cb_transpose), Int32(rows),
      Int32(outputs), Int32(inputs), 1, x, Int32(xStride), w, Int32(wStride), beta, y,
      Int32(yStride))
  }

  /// `y[rows, outputs] = x[rows, inputs] w[inputs, outputs] + beta * y`.
  func product(
    rows: Int, outputs: Int, inputs: Int, x: UnsafePointer<Float>, xStride: Int,
    transposed w: UnsafePointer<Float>, wStride: Int, beta: Float,
    y: UnsafeMutablePointer<Float>, yStride: Int
  ) {
    gemm(
      Int32(cb_row_major), Int32(cb_no_transpose), Int32(cb_no_transpose), Int32(rows),
      Int32(outputs), Int32(inputs), 1, x, Int32(xStride), w, Int32(wStride), beta, y,
      Int32(yStride))
  }

  /// `y[outputs] = w[outputs, inputs] x[inputs] + beta * y`.
  func product(
    outputs: Int, inputs: Int, w: UnsafePointer<Float>, wStride: Int, x: UnsafePointer<Float>,
    beta: Float, y: UnsafeMutablePointer<Float>
  ) {
    gemv(
      Int32(cb_row_major), Int32(cb_no_transpose), Int32(outputs), Int32(inputs), 1, w,
      Int32(wStride), x, 1, beta, y, 1)
  }
}
