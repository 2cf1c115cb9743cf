import CGPU

extension GPUContext {
  static func compilerVersion() throws(GPUError) -> String {
    try check(gp_load_compiler())
    var (major, minor) = (Int32(0), Int32(0))
    try check(gp_compiler_version(&major, &minor))
    return "\(major).\(minor)"
  }

  /// The image of a program for an architecture.
  static func compile(
    _ text: String, name: String, includes: [(name: String, text: String)], options: [String]
  ) throws(GPUError) -> [UInt8] {
    var image: UnsafeMutableRawPointer?
    var size = 0
    var log: UnsafeMutablePointer<CChar>?
    let code = withStrings(includes.map(\.name)) { names in
      withStrings(includes.map(\.text)) { texts in
        withStrings(options) { options in
          gp_compile(
            text, name, names.start, texts.start, Int32(names.count), options.start,
            Int32(options.count), &image, &size, &log)
        }
      }
    }
    defer {
      gp_release(image)
      gp_release(log)
    }
    guard code == 0, let image else { throw .compilation(reason: error) }
    return Array(UnsafeRawBufferPointer(start: image, count: size))
  }

  /// C strings that live as long as the body.
  private static func withStrings<R>(
    _ texts: [String],
    _ body: (_ list: (start: UnsafePointer<UnsafePointer<CChar>>, count: Int)) -> R
  ) -> R {
    let copies = texts.map { text in
      let bytes = text.utf8CString
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
      for (index, byte) in bytes.enumerated() { copy[index] = byte }
      return copy
    }
    let list = UnsafeMutablePointer<UnsafePointer<CChar>>.allocate(capacity: max(texts.count, 1))
    for (index, copy) in copies.enumerated() {
      (list + index).initialize(to: UnsafePointer(copy))
    }
    defer {
      for copy in copies { copy.deallocate() }
      list.deallocate()
    }
    return body((UnsafePointer(list), texts.count))
  }
}
