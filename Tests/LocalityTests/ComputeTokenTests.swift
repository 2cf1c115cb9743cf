import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Locality

/// Each `ComputeToken` opens its files anew, so that two in one process stand for two processes.
@Suite struct ComputeTokenTests {
  private let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  private func token(_ count: Int, _ index: Int) throws -> ComputeToken {
    try ComputeToken(path: folder.file("token"), count: count, index: index)
  }

  /// Whether lock `number` is free for somebody who just came.
  private func isFree(_ number: Int) -> Bool {
    let file = open(folder.file("token") + ".\(number)", O_RDWR)
    defer { close(file) }
    return flock(file, LOCK_EX | LOCK_NB) == 0
  }

  @Test("as many hold a token as there are, each another one")
  func asManyAsThereAre() throws {
    let (first, second) = (try token(2, 0), try token(2, 2))
    first.acquire()
    #expect(!isFree(0) && isFree(1))
    second.acquire()
    #expect(!isFree(0) && !isFree(1))
    second.release()
    first.acquire()
    #expect(!isFree(0) && isFree(1))
    first.release()
    #expect(isFree(0) && isFree(1))
  }

  @Test("who comes late waits until a holder lets go, and names may be gone by then")
  func waits() throws {
    let holder = try token(1, 0)
    holder.acquire()
    let order = Mutex<[String]>([])
    var thread = pthread_t()
    let waiter = try token(1, 1)
    holder.removeNames()
    #expect(access(folder.file("token") + ".0", F_OK) != 0)
    let box = Unmanaged.passRetained(
      Waiter {
        waiter.acquire()
        order.withLock { $0.append("waiter") }
        waiter.release()
      })
    #expect(
      pthread_create(
        &thread, nil,
        {
          Unmanaged<Waiter>.fromOpaque($0!).takeRetainedValue().body()
          return nil
        }, box.toOpaque()) == 0)
    usleep(50_000)
    order.withLock { $0.append("holder") }
    holder.release()
    pthread_join(thread, nil)
    #expect(order.withLock { $0 } == ["holder", "waiter"])
  }

  @Test("a killed holder leaves no token behind")
  func killedHolder() throws {
    let path = folder.file("token") + ".0"
    let own = try token(1, 0)
    let result = try runProcess(
      ["sh", "-c", "exec 9>'\(path)'; flock 9; echo locked; kill -9 $$"], timeLimit: 20)
    try #require(result.exitCode == 137 && result.standardOutput == "locked\n", "\(result.summary)")
    own.acquire()
    #expect(!isFree(0))
  }

  @Test("a folder that is not there is an error with its path")
  func noFolder() {
    let path = folder.file("none/token")
    let error = #expect(throws: LocalityError.self) {
      try ComputeToken(path: path, count: 1, index: 0)
    }
    #expect(error?.description.contains("none/token.0: No such file") == true)
  }

  @Test("a new path is in TMPDIR, and each is another")
  func newPaths() {
    #expect(ComputeToken.newPath().contains("/padtax-token-\(getpid())-"))
    #expect(ComputeToken.newPath() != ComputeToken.newPath())
  }
}

private final class Waiter {
  let body: () -> Void
  init(_ body: @escaping () -> Void) { self.body = body }
}
