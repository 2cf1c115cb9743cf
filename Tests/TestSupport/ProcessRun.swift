import Glibc
import Synchronization

/// What a finished child process left behind.
public struct ProcessOutput: Sendable {
  /// The exit code; 128 plus the signal where one ended it, as shells say it.
  public let exitCode: Int32
  /// True when the time limit ended it.
  public let timedOut: Bool
  public let standardOutput: String
  public let standardError: String
  public let seconds: Double

  /// Both streams and the code, for a failed expectation's comment.
  public var summary: String {
    """
    exit code \(exitCode)\(timedOut ? " (time limit reached)" : "")
    --- standard output
    \(standardOutput)
    --- standard error
    \(standardError)
    """
  }
}

/// A child process could not be started or watched.
public struct ProcessError: Error, CustomStringConvertible {
  public let description: String
}

/// Runs `arguments` (the program first, found on PATH) with no input and waits for its end, at most
/// `timeLimit` seconds; then it is told to stop, and killed with its process group 3 s later.
///
/// `environment` is added to this process's own.
public func runProcess(
  _ arguments: [String], environment: [String: String] = [:], timeLimit: Double = 60
) throws(ProcessError) -> ProcessOutput {
  precondition(!arguments.isEmpty, "a process needs a program to run")
  let started = monotonicSeconds()
  let (child, out, err) = try start(arguments, environment)
  defer {
    close(out)
    close(err)
  }

  var collected: [[UInt8]] = [[], []]
  var open = [true, true]
  var deadline = started + timeLimit
  var timedOut = false
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while open.contains(true) {
    let left = deadline - monotonicSeconds()
    if left <= 0 {
      if timedOut {
        // The group is our own: the child became its leader when it started.
        kill(-child, SIGKILL)
        break
      }
      timedOut = true
      kill(-child, SIGTERM)
      deadline = monotonicSeconds() + 3
      continue
    }
    var waiting = [
      pollfd(fd: open[0] ? out : -1, events: Int16(POLLIN), revents: 0),
      pollfd(fd: open[1] ? err : -1, events: Int16(POLLIN), revents: 0),
    ]
    guard poll(&waiting, 2, Int32(min(left, 1) * 1000) + 1) > 0 else { continue }
    for stream in 0..<2 where waiting[stream].revents != 0 {
      let n = read(waiting[stream].fd, &chunk, chunk.count)
      if n > 0 {
        collected[stream] += chunk[..<n]
      } else if n == 0 || errno != EINTR {
        open[stream] = false
      }
    }
  }

  var status: Int32 = 0
  while waitpid(child, &status, 0) < 0 {
    guard errno == EINTR else { throw failed("waitpid") }
  }
  // The two halves of wait(2)'s status: an exit code, or the signal in the low seven bits.
  let signal = status & 0x7f
  return ProcessOutput(
    exitCode: signal == 0 ? (status >> 8) & 0xff : 128 + signal, timedOut: timedOut,
    standardOutput: String(decoding: collected[0], as: UTF8.self),
    standardError: String(decoding: collected[1], as: UTF8.self),
    seconds: monotonicSeconds() - started)
}

/// One start at a time: a child must not inherit the pipe of another that is just being started.
private let starting = Mutex(())

private func start(
  _ arguments: [String], _ environment: [String: String]
) throws(ProcessError) -> (child: pid_t, output: Int32, error: Int32) {
  try starting.withLock { (_) throws(ProcessError) in
    let (outRead, outWrite) = try makePipe()
    defer { close(outWrite) }
    do throws(ProcessError) {
      let (errRead, errWrite) = try makePipe()
      defer { close(errWrite) }
      do throws(ProcessError) {
        return (try spawn(arguments, environment, outWrite, errWrite), outRead, errRead)
      } catch {
        close(errRead)
        throw error
      }
    } catch {
      close(outRead)
      throw error
    }
  }
}

private func makePipe() throws(ProcessError) -> (read: Int32, write: Int32) {
  var ends: [Int32] = [-1, -1]
  guard pipe(&ends) == 0 else { throw failed("pipe") }
  for end in ends where fcntl(end, F_SETFD, FD_CLOEXEC) != 0 { throw failed("fcntl") }
  return (ends[0], ends[1])
}

private func spawn(
  _ arguments: [String], _ environment: [String: String], _ output: Int32, _ error: Int32
) throws(ProcessError) -> pid_t {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_adddup2(&actions, output, 1)
  posix_spawn_file_actions_adddup2(&actions, error, 2)
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  // A test runner may block signals, and children inherit that: they would not hear SIGTERM.
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  var all = sigset_t()
  sigfillset(&all)
  posix_spawnattr_setsigdefault(&attributes, &all)
  posix_spawnattr_setflags(
    &attributes,
    Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
  posix_spawnattr_setpgroup(&attributes, 0)

  var merged = currentEnvironment()
  merged.merge(environment) { _, added in added }
  var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
  var envp: [UnsafeMutablePointer<CChar>?] = merged.map { strdup("\($0)=\($1)") } + [nil]
  defer { for text in argv + envp { free(text) } }
  var child: pid_t = 0
  let code = posix_spawnp(&child, arguments[0], &actions, &attributes, &argv, &envp)
  guard code == 0 else {
    throw ProcessError(
      description: "cannot start \(arguments[0]): \(String(cString: strerror(code)))")
  }
  return child
}

private func currentEnvironment() -> [String: String] {
  var result: [String: String] = [:]
  var entry = environ
  while let text = entry.pointee {
    let parts = String(cString: text).split(
      separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
    entry += 1
  }
  return result
}

private func failed(_ call: String) -> ProcessError {
  ProcessError(description: "\(call): \(String(cString: strerror(errno)))")
}

private func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
