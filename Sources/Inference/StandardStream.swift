import Glibc

/// Lines for the person or program that launched the ranks, each written with one call, so that
/// ranks do not cut into each other's.
package enum StandardStream: Int32 {
  case output = 1
  case error = 2

  package func line(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        write(rawValue, $0.baseAddress! + written, bytes.count - written)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      written += count
    }
  }
}
