/// Which CBLAS to load.
public enum BLASSelection: Sendable, Hashable, CustomStringConvertible {
  /// The first OpenBLAS that the loader finds.
  case openBLAS
  /// A file or a soname, for instance `libmkl_rt.so` or `libblis.so.4`.
  case path(String)

  public var description: String {
    switch self {
    case .openBLAS: "OpenBLAS"
    case .path(let path): path
    }
  }
}

/// Which of padtax's own kernels to use.
public enum InstructionSet: String, Sendable, Hashable, Codable, CaseIterable {
  case avx512, avx2, portable
}
