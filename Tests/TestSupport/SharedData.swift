import Glibc

/// Data that lies beside the package, not in it: `PADTAX_SHARED`, or `../shared`.
public enum SharedData {
  /// The folder; nil where there is none.
  public static let folder: String? = {
    let beside = packageFolder + "/../shared"
    let path = environmentValue("PADTAX_SHARED") ?? beside
    return access(path, R_OK) == 0 ? path : nil
  }()

  /// A file or folder inside; nil where it is absent.
  public static func path(_ inside: String) -> String? {
    guard let folder else { return nil }
    let path = folder + "/" + inside
    return access(path, R_OK) == 0 ? path : nil
  }

  /// Why a test of it is skipped.
  public static func missing(_ inside: String) -> String {
    "shared data \(inside) is absent: set PADTAX_SHARED or put it into ../shared"
  }

  /// The package's root: three folders above this file (Tests/TestSupport/SharedData.swift).
  public static let packageFolder: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/")
  }()
}
