import Glibc

/// Reads a file line by line through a buffer that grows to the longest line and no further.
final class LineReader {
  private let path: String
  private let descriptor: Int32
  private var buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
  /// What was read and not handed out yet.
  private var rest = 0..<0
  private var isAtEnd = false
  /// Bytes of the file that may still be read.
  private var left: Int
  /// Where the line that was handed out last begins in the file, and its number, from 1.
  private(set) var offset: Int
  private(set) var number: Int
  private var nextOffset: Int
  /// Whether the file ended within a line.
  private(set) var isTorn = false

  /// - Parameters:
  ///   - bytes: the part of the file to read; it begins where a line does.
  ///   - firstLine: number of the part's first line.
  /// - Throws: `RecordError` when the file cannot be opened.
  init(path: String, bytes: Range<Int> = 0..<Int.max, firstLine: Int = 1) throws(RecordError) {
    self.path = path
    descriptor = open(path, O_RDONLY | O_CLOEXEC)
    number = firstLine - 1
    (offset, nextOffset, left) = (bytes.lowerBound, bytes.lowerBound, bytes.count)
    guard descriptor >= 0, lseek(descriptor, bytes.lowerBound, SEEK_SET) >= 0 else {
      throw RecordError("cannot read \(path): no such file or not readable")
    }
  }

  deinit {
    buffer.deallocate()
    if descriptor >= 0 { close(descriptor) }
  }

  /// The next line without its end, valid until the next call; nil after the last whole line.
  func next() throws(RecordError) -> UnsafeRawBufferPointer? {
    var searched = rest.lowerBound
    while true {
      if let found = memchr(buffer.baseAddress! + searched, 0x0a, rest.upperBound - searched) {
        let end = UnsafeRawPointer(found) - UnsafeRawPointer(buffer.baseAddress!)
        let line = UnsafeRawBufferPointer(rebasing: buffer[rest.lowerBound..<end])
        rest = end + 1..<rest.upperBound
        number += 1
        offset = nextOffset
        nextOffset += line.count + 1
        return line
      }
      guard !isAtEnd else {
        isTorn = !rest.isEmpty
        return nil
      }
      searched = rest.count
      try fill()
    }
  }

  /// Moves the rest to the buffer's begin and reads behind it.
  private func fill() throws(RecordError) {
    let kept = rest.count
    if rest.lowerBound > 0 {
      memmove(buffer.baseAddress!, buffer.baseAddress! + rest.lowerBound, kept)
    } else if kept == buffer.count {
      let larger = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 2 * buffer.count, alignment: 16)
      larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
      buffer.deallocate()
      buffer = larger
    }
    rest = 0..<kept
    let wanted = min(buffer.count - kept, left)
    guard wanted > 0 else {
      isAtEnd = true
      return
    }
    var count = read(descriptor, buffer.baseAddress! + kept, wanted)
    while count < 0 && errno == EINTR {
      count = read(descriptor, buffer.baseAddress! + kept, wanted)
    }
    guard count >= 0 else { throw AtomicFile.failure("read", path) }
    if count == 0 { isAtEnd = true }
    left -= count
    rest = 0..<kept + count
  }
}
