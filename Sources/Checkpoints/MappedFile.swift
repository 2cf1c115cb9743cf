import Glibc

/// A read-only mapping of a whole file; unmapped and closed by `deinit`.
///
/// The mapping is shared with the page cache and never written. If another process cuts the file
/// short while bytes beyond its new end are being read, the kernel sends SIGBUS; no user program can
/// exclude that. `checkLength()` right before a read turns every truncation that has already happened
/// into an error, which leaves the duration of one chunk's copy.
final class MappedFile: @unchecked Sendable {
  // Sound to share: nothing is changed after init, and the memory is read-only.
  let path: String
  /// Bytes of the file when it was opened.
  let count: Int
  private let descriptor: Int32
  private let address: UnsafeMutableRawPointer?

  /// Opens and maps `path`; O(1), touches no page.
  init(path: String) throws(CheckpointError) {
    let descriptor = try Self.openForReading(path)
    do throws(CheckpointError) {
      let size = try Self.regularSize(of: descriptor, path: path)
      var address: UnsafeMutableRawPointer?
      if size > 0 {
        address = mmap(nil, size, PROT_READ, MAP_SHARED, descriptor, 0)
        guard address != MAP_FAILED else {
          throw CheckpointError(.cannotRead, file: path, "mmap of \(size) bytes: \(errorText())")
        }
      }
      self.path = path
      self.count = size
      self.descriptor = descriptor
      self.address = address
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit {
    if let address { munmap(address, count) }
    close(descriptor)
  }

  /// The file's bytes; valid as long as this object lives.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: address, count: count) }

  /// Throws when the file is now shorter than what was mapped.
  func checkLength(tensor: String? = nil) throws(CheckpointError) {
    let now = try Self.regularSize(of: descriptor, path: path)
    guard now >= count else {
      throw CheckpointError(
        .fileChanged, file: path, tensor: tensor,
        "the file had \(count) bytes when it was opened and has \(now) now")
    }
  }

  /// Has what follows `range` read from the disk meanwhile, where the range crosses a boundary of 8
  /// MiB; page by page, the system reads ahead too little of a mapping to keep a disk busy.
  func prefetch(after range: Range<Int>) {
    let step = 8 << 20
    let start = range.upperBound / step * step
    guard let address, range.lowerBound / step != range.upperBound / step, start < count else {
      return
    }
    // Advice only.
    _ = madvise(address + start, min(2 * step, count - start), MADV_WILLNEED)
  }

  /// Gives back the resident pages that overlap `range`; they stay in the page cache.
  ///
  /// The pages are clean and file-backed, so the next access maps them again with the same content.
  func release(_ range: Range<Int>) {
    guard let address, !range.isEmpty else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = range.lowerBound / page * page
    let end = min((range.upperBound + page - 1) / page * page, count)
    // Advice only: a kernel that refuses it costs memory, not correctness.
    _ = madvise(address + start, end - start, MADV_DONTNEED)
  }
}

extension MappedFile {
  /// The whole of a small file, such as a configuration.
  static func contents(of path: String, limit: Int) throws(CheckpointError) -> [UInt8] {
    let descriptor = try openForReading(path)
    defer { close(descriptor) }
    let size = try regularSize(of: descriptor, path: path)
    guard size <= limit else {
      throw CheckpointError(.cannotRead, file: path, "\(size) bytes; at most \(limit) are read")
    }
    var content = [UInt8](repeating: 0, count: size)
    var filled = 0
    while filled < size {
      let got = content.withUnsafeMutableBytes {
        read(descriptor, $0.baseAddress! + filled, size - filled)
      }
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else {
        throw CheckpointError(.cannotRead, file: path, errorText())
      }
      if got == 0 { break }
      filled += got
    }
    content.removeLast(size - filled)
    return content
  }

  /// Writes the parts to a temporary file beside `path`, syncs it and renames it to `path`.
  static func write(_ parts: [[UInt8]], to path: String) throws(CheckpointError) {
    let temporary = "\(path).tmp\(getpid())"
    func failed(_ what: String) -> CheckpointError {
      let error = CheckpointError(.cannotWrite, file: path, "\(what): \(errorText())")
      unlink(temporary)
      return error
    }
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failed("open \(temporary)") }
    var isOpen = true
    defer { if isOpen { close(descriptor) } }
    for part in parts {
      var written = 0
      while written < part.count {
        let count = part.withUnsafeBytes {
          Glibc.write(descriptor, $0.baseAddress! + written, part.count - written)
        }
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else { throw failed("write") }
        written += count
      }
    }
    guard fsync(descriptor) == 0 else { throw failed("fsync") }
    isOpen = false
    guard close(descriptor) == 0 else { throw failed("close") }
    guard rename(temporary, path) == 0 else { throw failed("rename") }
  }

  /// Whether something exists at `path` (links are followed).
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Whether `path` is a folder (links are followed).
  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func openForReading(_ path: String) throws(CheckpointError) -> Int32 {
    // O_NONBLOCK: opening a FIFO must not wait for a writer; it has no effect on regular files.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw CheckpointError(.cannotOpen, file: path, "cannot be opened: \(errorText())")
    }
    return descriptor
  }

  private static func regularSize(
    of descriptor: Int32, path: String
  ) throws(CheckpointError) -> Int {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw CheckpointError(.cannotRead, file: path, "fstat: \(errorText())")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw CheckpointError(.notAFile, file: path, "not a regular file")
    }
    return Int(status.st_size)
  }
}

/// The text of `errno`.
private func errorText() -> String { String(cString: strerror(errno)) }
