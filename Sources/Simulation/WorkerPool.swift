import Glibc
import Synchronization

/// Does independent work on the cores of this machine.
public enum WorkerPool {
  /// Cores that this process may use.
  public static var cores: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  private final class Shared<Item: Sendable, Output: Sendable>: Sendable {
    struct State {
      var next = 0
      var done = 0
      var outputs: [Output?]
    }

    let items: [Item]
    let body: @Sendable (Item) -> Output
    let state: Mutex<State>

    init(_ items: [Item], _ body: @escaping @Sendable (Item) -> Output) {
      self.items = items
      self.body = body
      state = Mutex(State(outputs: Array(repeating: nil, count: items.count)))
    }

    func work() {
      while true {
        let index = state.withLock { state in
          defer { state.next += 1 }
          return state.next
        }
        guard index < items.count else { return }
        let output = body(items[index])
        state.withLock { state in
          state.outputs[index] = output
          state.done += 1
        }
      }
    }
  }

  /// What the threads do; a class without parameters, as a C function needs.
  private final class Job: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// `body` of every item, in the items' order whatever thread did it.
  /// - Parameter progress: called on this thread, every tenth of a second, with the number done.
  public static func map<Item: Sendable, Output: Sendable>(
    _ items: [Item], threads: Int = cores, progress: (Int) -> Void = { _ in },
    _ body: @escaping @Sendable (Item) -> Output
  ) -> [Output] {
    let shared = Shared(items, body)
    var workers: [pthread_t] = []
    for _ in 0..<min(threads, items.count) {
      var thread = pthread_t()
      let raw = Unmanaged.passRetained(Job { shared.work() })
      let code = pthread_create(
        &thread, nil,
        { raw in
          guard let raw else { return nil }
          Unmanaged<Job>.fromOpaque(raw).takeRetainedValue().run()
          return nil
        }, raw.toOpaque())
      if code == 0 { workers.append(thread) } else { raw.release() }
    }
    // Where no thread could be made, this one does the work.
    if workers.isEmpty { shared.work() }
    while true {
      let done = shared.state.withLock { $0.done }
      progress(done)
      if done == items.count { break }
      usleep(items.count < 50 ? 10_000 : 100_000)
    }
    for worker in workers { pthread_join(worker, nil) }
    return shared.state.withLock { $0.outputs.compactMap(\.self) }
  }
}
