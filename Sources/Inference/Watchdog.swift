import FoundationEssentials
import Glibc
import Locality
import MPI
import Models
import Records
import Synchronization

/// A thread that looks after one rank and ends it when it stands still. It reads what the rank says of
/// itself (`ActivityMarks`, `CallMark`), calls no MPI and needs no word from another rank.
///
/// The first rank whose step goes on beyond its limit makes the cell's folder `stalls`, leaves a line in
/// it, gives the others some seconds to do the same, writes the cell's error and ends with code 1. The
/// launcher then ends the others. Ranks that stand still look for the folder and end with code 4; so do
/// those that the launcher's SIGTERM reaches. Without that folder, SIGTERM does what it always does.
package final class Watchdog {
  private let thread: pthread_t
  /// Ends of the pipe through which the thread is told to stop and of SIGTERM.
  private let pipeEnds: (read: Int32, write: Int32)

  /// Looks after a rank of a cell from now on; nil where the job wants no limit, or the system gives no
  /// thread.
  convenience init?(_ context: RankContext, limit: StepLimit, cell: CellDirectory) {
    self.init(
      context.activity, mark: context.ledger.mark,
      report: StallReport(
        rank: context.rank, ranks: context.layout.worldSize, layout: context.layout, cell: cell,
        limit: limit))
  }

  /// Looks after a rank of a launch that has no cell. Collective.
  /// - Parameters:
  ///   - name: of what the launch does, which leads its error.
  ///   - layout: nil where ranks have no places in a model.
  package convenience init?(
    _ activity: RankActivity, limit: StepLimit, name: String, layout: ParallelLayout? = nil,
    world: borrowing Communicator
  ) throws {
    // One folder for the ranks of a host: theirs is a word of rank 0's that no other launch has.
    let word = try RankContext.fromCoordinator(world) {
      Array("padtax-\(name)-\(getpid())-\(MonotonicClock.nanoseconds())".utf8)
    }
    let path =
      FileManager.default.temporaryDirectory.path + "/" + String(decoding: word, as: UTF8.self)
    activity.limit = limit
    guard let mark = world.ledger?.mark else {
      preconditionFailure("a world that is looked after has a ledger")
    }
    self.init(
      activity, mark: mark,
      report: StallReport(
        rank: world.rank, ranks: world.size, layout: layout,
        cell: CellDirectory(path: path, name: name), limit: limit, isTemporary: true))
  }

  private init?(_ activity: RankActivity, mark: CallMark, report: StallReport) {
    guard report.limit != .off else { return nil }
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return nil }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    let body = WatchdogLoop(
      marks: activity.marks, mark: mark, report: report, wake: ends[0], tick: report.limit.tick)
    var thread = pthread_t()
    let raw = Unmanaged.passRetained(body)
    let code = pthread_create(
      &thread, nil,
      { raw in
        guard let raw else { return nil }
        Unmanaged<WatchdogLoop>.fromOpaque(raw).takeRetainedValue().run()
        return nil
      }, raw.toOpaque())
    guard code == 0 else {
      raw.release()
      close(ends[0])
      close(ends[1])
      return nil
    }
    self.thread = thread
    pipeEnds = (ends[0], ends[1])
    terminationPipe.store(ends[1], ordering: .releasing)
    _ = signal(SIGTERM) { _ in
      let code = errno
      var byte = WatchdogLoop.terminated
      let pipe = terminationPipe.load(ordering: .relaxed)
      // The pipe cannot be full: a second SIGTERM tells nothing new.
      if pipe >= 0 { _ = write(pipe, &byte, 1) }
      errno = code
    }
  }

  /// Ends the thread; SIGTERM ends the process again.
  package func stop() {
    _ = signal(SIGTERM, SIG_DFL)
    terminationPipe.store(-1, ordering: .releasing)
    var byte = WatchdogLoop.stopped
    _ = write(pipeEnds.write, &byte, 1)
    pthread_join(thread, nil)
    close(pipeEnds.read)
    close(pipeEnds.write)
  }
}

/// Where the handler of SIGTERM writes.
private let terminationPipe = Atomic<Int32>(-1)

extension StepLimit {
  /// Milliseconds between two looks at the rank.
  fileprivate var tick: Int32 {
    guard case .seconds(let seconds) = self else { return 5000 }
    return Int32(min(5000, max(50, seconds * 1000 / 8)))
  }
}

/// What the thread does.
private final class WatchdogLoop: Sendable {
  static let stopped: UInt8 = 1
  static let terminated: UInt8 = 2
  /// Seconds that the first rank waits for the others' lines.
  private static let grace = 2.0

  let marks: ActivityMarks
  let mark: CallMark
  let report: StallReport
  let wake: Int32
  let tick: Int32

  init(
    marks: ActivityMarks, mark: CallMark, report: StallReport, wake: Int32, tick: Int32
  ) {
    self.marks = marks
    self.mark = mark
    self.report = report
    self.wake = wake
    self.tick = tick
  }

  func run() {
    var call = mark.call
    var since = MonotonicClock.nanoseconds()
    while true {
      var request = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
      _ = poll(&request, 1, tick)
      var byte: UInt8 = 0
      let told = read(wake, &byte, 1) == 1
      if told && byte == Self.stopped { return }
      let now = MonotonicClock.nanoseconds()
      let latest = mark.call
      if latest != call { (call, since) = (latest, now) }
      let callSeconds = Double(now - since) / 1e9
      if told {
        guard report.exists else { return dieOfTermination() }
        end(callSeconds: callSeconds, now: now)
      }
      guard let (began, limit) = marks.deadline, now > began else { continue }
      let isLate = now - began > limit
      // Others that stand still are looked for only by ranks that do so themselves.
      if isLate || (now - began > max(limit / 4, 500_000_000) && report.exists) {
        end(callSeconds: callSeconds, now: now)
      }
    }
  }

  private func dieOfTermination() {
    _ = signal(SIGTERM, SIG_DFL)
    kill(getpid(), SIGTERM)
  }

  /// Says where the rank is and ends it.
  private func end(callSeconds: Double, now: UInt64) -> Never {
    // Should a file system hang, too, the kernel ends the process.
    alarm(UInt32(10 * Self.grace))
    let line = report.line(
      place: marks.text, seconds: marks.deadline.map { Double(now &- $0.began) / 1e9 },
      call: mark.call, callSeconds: callSeconds)
    StandardStream.error.line("padtax: stalled: \(line)")
    let isFirst = report.leave(line)
    let cell = report.cell
    if isFirst {
      wait(Self.grace) { report.count() == report.ranks }
    } else {
      // The launcher ends this rank when the first one ends; without a word from that, it takes over.
      wait(2 * Self.grace) { false }
    }
    if isFirst || cell.state() == .ready {
      let text = report.summary()
      if report.isTemporary {
        try? FileManager.default.removeItem(atPath: cell.path)
      } else {
        try? cell.enter(.error, text: text + "\n")
      }
      let head = text.split(separator: "\n").first ?? ""
      StandardStream.error.line("padtax: error: \(cell.name): \(head)")
    }
    _exit(isFirst ? 1 : 4)
  }

  private func wait(_ seconds: Double, until isOver: () -> Bool) {
    let end = MonotonicClock.nanoseconds() + UInt64(seconds * 1e9)
    while MonotonicClock.nanoseconds() < end && !isOver() { usleep(50_000) }
  }
}
