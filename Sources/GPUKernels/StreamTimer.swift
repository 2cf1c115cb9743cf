/// Adds up what the stream takes from one look to the next, by events on the stream.
///
/// The count goes on while the host waits for others; whoever asks takes differences. `pause` and
/// `resume` keep copies for messages out of it.
final class StreamTimer: @unchecked Sendable {
  // Soundness: used by the thread of its backend.
  private let context: GPUContext
  private var total: Double = 0
  private var isMarked = false

  init(_ context: GPUContext) { self.context = context }

  /// Nanoseconds so far; waits for the stream.
  func now() -> UInt64 {
    settle()
    resume()
    return UInt64(total * 1e6)
  }

  func pause() { settle() }

  func resume() {
    context.mark(0)
    isMarked = true
  }

  var isRunning: Bool { isMarked }

  private func settle() {
    guard isMarked else { return }
    context.mark(1)
    total += Double(context.millisecondsBetweenMarks())
    isMarked = false
  }
}
