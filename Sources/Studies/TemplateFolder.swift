import FoundationEssentials

/// Finds the folder with the batch-script templates.
public enum TemplateFolder {
  /// The folder that was named, else `slurm/` in a folder above the running program, as a build has
  /// it, or `share/padtax/slurm` beside the program's folder.
  /// - Throws: `StudyError` with the places that were looked at.
  public static func find(named: String?) throws(StudyError) -> String {
    if let named {
      guard isTemplates(named) else {
        throw StudyError("--templates \(named): has no study.sbatch")
      }
      return named
    }
    let start = RelativePath.folder(of: ExecutableSearch.runningProgram())
    var folder = start
    while true {
      for inside in ["slurm", "share/padtax/slurm"] where isTemplates("\(folder)/\(inside)") {
        return folder == "/" ? "/\(inside)" : "\(folder)/\(inside)"
      }
      guard folder != "/", folder != "." else { break }
      folder = RelativePath.folder(of: folder)
    }
    throw StudyError(
      "no folder slurm/ with study.sbatch in \(start) or above it; name it with --templates")
  }

  private static func isTemplates(_ folder: String) -> Bool {
    FileManager.default.fileExists(atPath: folder + "/study.sbatch")
  }
}
