import FoundationEssentials
import Glibc
import Records

/// How a run goes on that was begun before.
public struct Resumption: Hashable, Sendable {
  /// Cells that failed run again.
  public var retriesErrors: Bool

  public init(retriesErrors: Bool) { self.retriesErrors = retriesErrors }

  /// What becomes of a cell.
  enum Decision {
    /// Runs while the lock lives.
    case run(CellLock)
    case skip(StudyRun.Outcome)
  }

  /// Decides about a cell and clears its place: what a run that did not finish left behind is kept
  /// beside it, as `.NAME-1`, `.NAME-2`, …, where no report looks.
  func decide(_ cell: Cell, in directory: RunDirectory) throws -> Decision {
    let folder = directory.cell(cell.id)
    guard let lock = try CellLock(directory.cellsFolder + "/.\(cell.id).lock") else {
      return .skip(
        StudyRun.Outcome(
          cell: cell, code: .failed, text: "another padtax is running this cell at the moment"))
    }
    switch folder.state() {
    case .done: return .skip(StudyRun.Outcome(cell: cell, code: .fine, text: "done before"))
    case .error where !retriesErrors:
      let data = FileManager.default.contents(atPath: folder.marker(.error)) ?? Data()
      let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first ?? ""
      return .skip(
        StudyRun.Outcome(
          cell: cell, code: .failed, text: "failed before (--retry-errors runs it again): \(line)"))
    default: break
    }
    if FileManager.default.fileExists(atPath: folder.path) {
      var attempt = 1
      while FileManager.default.fileExists(
        atPath: "\(directory.cellsFolder)/.\(cell.id)-\(attempt)")
      { attempt += 1 }
      guard rename(folder.path, "\(directory.cellsFolder)/.\(cell.id)-\(attempt)") == 0 else {
        throw StudyError(
          "cannot move \(folder.path) aside: \(String(cString: strerror(errno)))", .failed)
      }
    }
    return .run(lock)
  }
}

extension RunDirectory {
  /// The record of the run that this folder holds.
  /// - Throws: `StudyError` when the folder is no run that can go on.
  public func recordToResume() throws -> RunRecord {
    for file in [job, run] where !FileManager.default.fileExists(atPath: file) {
      throw StudyError("--resume \(path): is not a run directory: it has no \(file)")
    }
    let data = FileManager.default.contents(atPath: run) ?? Data()
    return try JSONText.decode(
      RunRecord.self, from: String(decoding: data, as: UTF8.self), source: run)
  }
}

/// Keeps two programs from running one cell at the same time. The kernel lets go of it when the
/// program ends, however it ends.
final class CellLock {
  private let descriptor: Int32

  /// Nil when another program has it. A file system that knows no locks grants it.
  init?(_ path: String) throws(StudyError) {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw StudyError("cannot create \(path): \(String(cString: strerror(errno)))", .failed)
    }
    var range = Glibc.flock()
    range.l_type = Int16(F_WRLCK)
    range.l_whence = Int16(SEEK_SET)
    if fcntl(descriptor, F_SETLK, &range) != 0, errno == EACCES || errno == EAGAIN { return nil }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
