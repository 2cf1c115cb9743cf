import FoundationEssentials
import Glibc
import Records

extension RunDirectory {
  /// Makes the folder of a new run: `results/<job>/<time>`, with `-2`, `-3`, … when it is taken.
  ///
  /// - Parameter path: the run's folder itself, when the user named it; it must be new or empty.
  public static func create(
    results: String = "results", job: String, time: UTCTime, path: String? = nil
  ) throws -> RunDirectory {
    if let path {
      let content = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      guard content.isEmpty else {
        throw StudyError("--out \(path): the folder is not empty; name a new one")
      }
      try AtomicFile.createFolder(path)
      try checkWritable(path)
      return RunDirectory(path: path)
    }
    let parent = "\(results)/\(job)"
    try AtomicFile.createFolder(parent)
    try checkWritable(parent)
    for attempt in 1...1000 {
      let path = "\(parent)/\(time.compact)" + (attempt == 1 ? "" : "-\(attempt)")
      if mkdir(path, 0o777) == 0 { return RunDirectory(path: path) }
      guard errno == EEXIST else { break }
    }
    throw StudyError("cannot make a folder in \(parent): \(String(cString: strerror(errno)))")
  }

  private static func checkWritable(_ path: String) throws(StudyError) {
    guard access(path, W_OK) == 0 else {
      throw StudyError("cannot write in \(path): \(String(cString: strerror(errno)))")
    }
  }

  /// The last part of the path: the run's name.
  public var identifier: String { String(path.split(separator: "/").last ?? "run") }
}
