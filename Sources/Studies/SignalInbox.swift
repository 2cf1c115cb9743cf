import Glibc

/// Holds back SIGINT, SIGTERM, SIGHUP and SIGUSR1 (Slurm's warning before the time limit) while it
/// lives and hands them out when asked, so that a child can be told before the program ends. For
/// programs with one thread.
public final class SignalInbox {
  static let handled = [SIGINT, SIGTERM, SIGHUP, SIGUSR1]
  private var signals = sigset_t()
  private var before = sigset_t()
  /// The signals that arrived so far.
  public private(set) var received: [Int32] = []

  public init() {
    sigemptyset(&signals)
    for signal in Self.handled { sigaddset(&signals, signal) }
    pthread_sigmask(SIG_BLOCK, &signals, &before)
  }

  deinit { pthread_sigmask(SIG_SETMASK, &before, nil) }

  /// What a child is told when `signal` arrives here: mpirun takes SIGUSR1 for a message to the ranks,
  /// so that it becomes SIGTERM.
  static func forwarded(_ signal: Int32) -> Int32 { signal == SIGUSR1 ? SIGTERM : signal }

  /// The next signal that arrived, nil when none did.
  public func next() -> Int32? {
    var now = timespec(tv_sec: 0, tv_nsec: 0)
    let signal = sigtimedwait(&signals, nil, &now)
    guard signal > 0 else { return nil }
    received.append(signal)
    return signal
  }
}

/// Seconds of the monotonic clock.
public enum MonotonicTime {
  public static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
