import Glibc

/// Lets only so many processes of a host compute at once: whoever computes holds one of `count`
/// file locks. The kernel frees the lock of a process that dies, however it dies.
///
/// A holder must not wait for another process; whoever waits for a lock waits only for processes
/// that compute. A process takes any free lock, else it sleeps until its own, one of the numbers
/// shared out in turn, is free; so a lock can be free for a moment while somebody sleeps for another.
public final class ComputeToken {
  public let count: Int
  private let path: String
  private var files: [Int32] = []
  private let own: Int
  private var held: Int?
  /// Times that the kernel could not lock, when the process computed without a token.
  public private(set) var failures = 0

  /// Opens the locks at `path`, making them when they are not there.
  /// - Parameters:
  ///   - path: beginning of the names of `count` files, on a file system of this host.
  ///   - index: a number of this process among those of the host.
  public init(path: String, count: Int, index: Int) throws(LocalityError) {
    precondition(count > 0 && index >= 0, "a host has a token for one process at least")
    self.path = path
    self.count = count
    own = index % count
    for number in 0..<count {
      let file = open("\(path).\(number)", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      guard file >= 0 else {
        let reason = String(cString: strerror(errno))
        for file in files { close(file) }
        files = []
        throw LocalityError("the compute token \(path).\(number)", reason)
      }
      files.append(file)
    }
  }

  // Closing a file frees its lock.
  deinit { for file in files { close(file) } }

  /// A path that no other job uses, in TMPDIR or /tmp.
  public static func newPath() -> String {
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    var time = timespec()
    _ = clock_gettime(CLOCK_REALTIME, &time)  // Cannot fail: a valid clock and address.
    return "\(folder.isEmpty ? "/tmp" : folder)/padtax-token-\(getpid())-\(time.tv_nsec)"
  }

  /// Removes the names, once all processes have opened them; the locks go on working.
  public func removeNames() {
    for number in 0..<count { unlink("\(path).\(number)") }
  }

  /// Waits until this process may compute. One that holds a token keeps it.
  public func acquire() {
    guard held == nil else { return }
    for step in 0..<count {
      let number = (own + step) % count
      if flock(files[number], LOCK_EX | LOCK_NB) == 0 {
        held = number
        return
      }
    }
    while flock(files[own], LOCK_EX) != 0 {
      guard errno == EINTR else {
        failures += 1
        return
      }
    }
    held = own
  }

  /// Lets another process compute.
  public func release() {
    guard let number = held else { return }
    held = nil
    // Unlocking what is locked fails for no reason that flock(2) knows.
    _ = flock(files[number], LOCK_UN)
  }
}
