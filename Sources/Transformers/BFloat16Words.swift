import Kernels
import MPI
import Tensors

// Hidden states between memory, where they are floats, and the wire, where they are bfloat16.

extension Storage {
  /// The first `count` elements as words of messages. Valid as long as this object lives.
  package func words(_ count: Int) -> UnsafeMutableBufferPointer<BFloat16Word> {
    precondition(
      count <= StorageFormat.bfloat16.elements(in: self), "the words outgrow their storage")
    return UnsafeMutableBufferPointer(
      start: UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: BFloat16Word.self),
      count: count)
  }
}

extension UnsafeMutableBufferPointer<Float> {
  /// Rounds to nearest even.
  package func round(into words: UnsafeMutableBufferPointer<BFloat16Word>) {
    precondition(words.count == count, "as many words as floats")
    guard let from = baseAddress, let to = words.baseAddress else { return }
    RowConversion.round(from, count, into: UnsafeMutableRawPointer(to))
  }
}

extension UnsafeMutableBufferPointer<BFloat16Word> {
  package func widen(into floats: UnsafeMutableBufferPointer<Float>) {
    precondition(floats.count == count, "as many floats as words")
    guard let from = baseAddress, let to = floats.baseAddress else { return }
    RowConversion.widen(UnsafeRawPointer(from), count, into: to)
  }

  /// Rounds some of the floats into their places.
  func take(_ floats: UnsafeMutableBufferPointer<Float>, _ range: Range<Int>) {
    UnsafeMutableBufferPointer<Float>(rebasing: floats[range])
      .round(into: UnsafeMutableBufferPointer(rebasing: self[range]))
  }

  /// Widens some of the words into their places.
  func give(_ floats: UnsafeMutableBufferPointer<Float>, _ range: Range<Int>) {
    UnsafeMutableBufferPointer(rebasing: self[range])
      .widen(into: UnsafeMutableBufferPointer<Float>(rebasing: floats[range]))
  }
}
