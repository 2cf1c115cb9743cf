import FoundationEssentials
import Glibc

/// Finds programs the way a shell does.
public enum ExecutableSearch {
  /// The program that `name` stands for: itself when it has a slash, else the first in PATH.
  public static func find(_ name: String, path: String?) -> String? {
    if name.contains("/") { return isProgram(name) ? name : nil }
    for folder in (path ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":") {
      let candidate = "\(folder)/\(name)"
      if isProgram(candidate) { return candidate }
    }
    return nil
  }

  /// The executable of one rank: the one that PADTAX_RANK names, else `padtax-rank` beside the
  /// running program.
  public static func rankProgram(variables: [String: String]) throws(StudyError) -> String {
    if let named = variables["PADTAX_RANK"], !named.isEmpty {
      // It is looked up where the ranks run, in a container.
      if variables["PADTAX_RANK_PREFIX"] != nil { return named }
      guard let found = find(named, path: variables["PATH"]) else {
        throw StudyError("PADTAX_RANK is '\(named)', which is not a program")
      }
      return absolute(found)
    }
    let beside = folderOfRunningProgram() + "/padtax-rank"
    guard isProgram(beside) else {
      throw StudyError(
        "padtax-rank is not beside padtax (\(beside)); build it with 'swift build -c release' "
          + "or name it in PADTAX_RANK")
    }
    return beside
  }

  /// Path of the running program.
  public static func runningProgram() -> String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments.first ?? ""
  }

  public static func folderOfRunningProgram() -> String {
    RelativePath.folder(of: runningProgram())
  }

  static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  private static func isProgram(_ path: String) -> Bool {
    var isFolder = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    return exists && !isFolder && access(path, X_OK) == 0
  }
}
