import FoundationEssentials

/// Which padtax this is. `make` records the source tree's state in the environment of the ranks'
/// launcher; without it the commit is unknown.
public enum SourceVersion {
  public static let padtax = "0.1.0"

  static var commit: String? { ProcessInfo.processInfo.environment["PADTAX_COMMIT"] }
  static var dirty: Bool? {
    ProcessInfo.processInfo.environment["PADTAX_DIRTY"].map { $0 != "0" }
  }
}
