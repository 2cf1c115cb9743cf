import Glibc

/// A program with its arguments and whole environment.
public struct ChildCommand: Hashable, Sendable {
  /// Path of the program.
  public var executable: String
  /// Arguments after the program's name.
  public var arguments: [String]
  public var environment: [String: String]

  public init(executable: String, arguments: [String], environment: [String: String]) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
  }
}

/// How a child ended.
public enum ChildStatus: Hashable, Sendable {
  case exited(Int32)
  case killed(signal: Int32)
}

/// A line that a child printed.
public enum ChildLine: Hashable, Sendable {
  case output(String)
  case error(String)
}

/// A child in a process group of its own, with both outputs read through pipes.
///
/// Own code and not a package: swift-subprocess asks for Swift 6.2, and padtax builds with 6.1.
public final class ChildProcess {
  /// The process id, which is also that of its group.
  public let identifier: pid_t
  private var streams: [Stream]
  private var status: ChildStatus?

  private struct Stream {
    var descriptor: Int32
    var splitter = LineSplitter()
    let isError: Bool
  }

  /// Starts the program, with no input.
  /// - Throws: `StudyError` when it cannot be started.
  public init(_ command: ChildCommand) throws(StudyError) {
    let output = try Self.makePipe()
    let errors: (read: Int32, write: Int32)
    do { errors = try Self.makePipe() } catch {
      close(output.read)
      close(output.write)
      throw error
    }
    let (code, child) = Self.spawn(command, output: output.write, errors: errors.write)
    close(output.write)
    close(errors.write)
    guard code == 0 else {
      close(output.read)
      close(errors.read)
      throw StudyError(
        "cannot start \(command.executable): \(String(cString: strerror(code)))", .failed)
    }
    identifier = child
    streams = [
      Stream(descriptor: output.read, isError: false),
      Stream(descriptor: errors.read, isError: true),
    ]
  }

  deinit {
    for stream in streams { close(stream.descriptor) }
    if status == nil {
      kill(-identifier, SIGKILL)
      waitpid(identifier, nil, 0)
    }
  }

  /// Sends a signal to the child and all its descendants that stayed in its group.
  public func send(signal: Int32) { kill(-identifier, signal) }

  /// Hands on lines as they come until the child has ended, and waits for it.
  ///
  /// - Parameters:
  ///   - signals: signals that arrive here are sent on to the child; a second one, or 10 seconds
  ///     without an end, kills it.
  ///   - tick: called at least every 100 ms.
  public func wait(
    signals: SignalInbox?, tick: () -> Void = {}, line: (ChildLine) -> Void
  ) -> ChildStatus {
    var killTime: Double?
    var endTime: Double?
    while true {
      let wasOver = status != nil
      let gotBytes = readOnce(line)
      if let signal = signals?.next() {
        send(signal: killTime == nil ? SignalInbox.forwarded(signal) : SIGKILL)
        killTime = killTime ?? MonotonicTime.now() + 10
      }
      if let limit = killTime, MonotonicTime.now() > limit { send(signal: SIGKILL) }
      if status == nil { status = poll() }
      tick()
      guard let status else { continue }
      // A descendant that outlives the child may hold a pipe open: read on only while there is
      // something to read, a second at most.
      endTime = endTime ?? MonotonicTime.now()
      let late = MonotonicTime.now() - (endTime ?? 0) > 1
      if streams.isEmpty || late || (wasOver && !gotBytes) {
        for index in streams.indices { finish(index, line) }
        return status
      }
    }
  }

  /// Waits up to 100 ms for output; true when there was some.
  private func readOnce(_ line: (ChildLine) -> Void) -> Bool {
    var requests = streams.map {
      pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
    }
    guard Glibc.poll(&requests, nfds_t(requests.count), 100) > 0 else { return false }
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    for index in requests.indices.reversed() where requests[index].revents != 0 {
      let count = read(requests[index].fd, &buffer, buffer.count)
      if count > 0 {
        for text in streams[index].splitter.append(buffer[..<count]) {
          line(streams[index].isError ? .error(text) : .output(text))
        }
      } else if count == 0 || errno != EINTR {
        finish(index, line)
        close(streams.remove(at: index).descriptor)
      }
    }
    return true
  }

  private func finish(_ index: Int, _ line: (ChildLine) -> Void) {
    guard let rest = streams[index].splitter.finish() else { return }
    line(streams[index].isError ? .error(rest) : .output(rest))
  }

  /// The child's end, nil while it runs.
  private func poll() -> ChildStatus? {
    var code: Int32 = 0
    let result = waitpid(identifier, &code, WNOHANG)
    if result < 0 { return errno == EINTR ? nil : .exited(ExitCode.failed.rawValue) }
    guard result == identifier else { return nil }
    return code & 0x7f == 0 ? .exited(code >> 8 & 0xff) : .killed(signal: code & 0x7f)
  }

  private static func makePipe() throws(StudyError) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw StudyError("cannot make a pipe: \(String(cString: strerror(errno)))", .failed)
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func spawn(
    _ command: ChildCommand, output: Int32, errors: Int32
  ) -> (code: Int32, child: pid_t) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, errors, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    var handled = none
    for signal in SignalInbox.handled + [SIGPIPE] { sigaddset(&handled, signal) }
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &handled)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var arguments = ([command.executable] + command.arguments).map { strdup($0) }
    var variables = command.environment.map { strdup("\($0.key)=\($0.value)") }
    defer { for text in arguments + variables { free(text) } }
    arguments.append(nil)
    variables.append(nil)
    var child: pid_t = 0
    let code = posix_spawn(
      &child, command.executable, &actions, &attributes, arguments, variables)
    return (code, child)
  }
}
