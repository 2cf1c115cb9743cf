import Glibc
import Records

/// A program that was run, and what the kernel says that it used.
struct Child {
  var seconds: Double
  var processorSeconds: Double
  var peakBytes: Int

  /// Runs a program with its output thrown away.
  /// - Throws: `RecordError` when it cannot be started or ends with another code than 0.
  static func run(_ program: String, _ arguments: [String]) throws(RecordError) -> Child {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
    defer { for word in words { free(word) } }
    words.append(nil)
    var process: pid_t = 0
    let start = now()
    guard posix_spawn(&process, program, &actions, nil, words, environ) == 0 else {
      throw RecordError("cannot run \(program): \(String(cString: strerror(errno)))")
    }
    var status: Int32 = 0
    var usage = rusage()
    while wait4(process, &status, 0, &usage) < 0, errno == EINTR {}
    let seconds = now() - start
    guard status == 0 else { throw RecordError("\(program) failed (wait status \(status))") }
    return Child(
      seconds: seconds,
      processorSeconds: Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime),
      peakBytes: usage.ru_maxrss * 1024)
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) * 1e-6
  }

  private static func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
