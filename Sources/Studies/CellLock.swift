import Glibc
import Records

/// The right to run a cell, held as long as this object or a child that was started meanwhile lives:
/// ranks that outlive a killed padtax keep a second one from writing the same files.
final class CellLock {
  private let descriptor: Int32

  /// Takes the lock, waiting up to `seconds` for whoever holds it; nil when it stays taken.
  ///
  /// A file system without locks gives it to everyone.
  /// - Throws: `StudyError` when the lock's file cannot be opened.
  init?(_ cell: CellDirectory, seconds: Double) throws(StudyError) {
    // Not close-on-exec: the launcher inherits it.
    descriptor = open(cell.lock, O_RDWR | O_CREAT, 0o644)
    guard descriptor >= 0 else {
      throw StudyError("cannot open \(cell.lock): \(String(cString: strerror(errno)))", .failed)
    }
    let end = MonotonicTime.now() + seconds
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK:
        guard MonotonicTime.now() < end else { return nil }
        usleep(50_000)
      default: return
      }
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
