import MPI
import Records
import Synchronization

/// Where a rank is in its job, in words that another thread can read at any time.
final class ActivityMarks: Sendable {
  /// What changes from one execution of a batch to the next.
  struct Work: Sendable {
    /// What is done, such as `load`, `verify`, `measure`.
    var stage: String
    var policy: String?
    var batch: Int?
    var turn: Int?
  }

  private let work = Mutex(Work(stage: "start"))
  // Step + 1 (32 bits), micro-batch + 1 (24), phase (8).
  private let place = Atomic<UInt64>(0)
  private let began = Atomic<UInt64>(0)
  private let limit = Atomic<UInt64>(0)

  fileprivate func change(_ body: (inout Work) -> Void) { work.withLock { body(&$0) } }

  @inline(__always)
  fileprivate func set(step: Int, micro: Int, phase: UInt8) {
    place.store(
      UInt64(truncatingIfNeeded: step &+ 1) &<< 32
        | (UInt64(truncatingIfNeeded: micro &+ 1) & 0xff_ffff) &<< 8 | UInt64(phase),
      ordering: .relaxed)
  }

  /// From `now`, in nanoseconds, what is going on may take `seconds`; nil for ever.
  fileprivate func allow(_ seconds: Double?, from now: UInt64) {
    limit.store(0, ordering: .releasing)
    began.store(now, ordering: .releasing)
    limit.store(seconds.map { UInt64(max(1, $0 * 1e9)) } ?? 0, ordering: .releasing)
  }

  /// When what is going on began and how long it may take, in nanoseconds; nil for ever.
  var deadline: (began: UInt64, limit: UInt64)? {
    let limit = limit.load(ordering: .acquiring)
    return limit == 0 ? nil : (began.load(ordering: .acquiring), limit)
  }

  /// Such as `measure, policy packed, batch 0, repeat 2, decode step 17, micro-batch 1`.
  var text: String {
    let work = work.withLock { $0 }
    let place = place.load(ordering: .relaxed)
    var parts = [work.stage]
    if let policy = work.policy { parts.append("policy \(policy)") }
    if let batch = work.batch { parts.append("batch \(batch)") }
    if let turn = work.turn { parts.append(turn < 0 ? "warm-up" : "repeat \(turn)") }
    if place >> 32 > 0 {
      parts.append("\(Self.name(UInt8(place & 0xff))) \(place >> 32 - 1)")
      if place >> 8 & 0xff_ffff > 0 { parts.append("micro-batch \(place >> 8 & 0xff_ffff - 1)") }
    } else if deadline != nil {
      parts.append("between steps")
    }
    return parts.joined(separator: ", ")
  }

  /// What a step of a phase is called.
  private static func name(_ phase: UInt8) -> String {
    switch phase {
    case Traffic.prefill: "prefill step"
    case Traffic.decode: "decode step"
    default: "slice"
    }
  }
}

/// Says where a rank is and how long it may stay there. The rank's own; the thread that looks after
/// it reads `marks`.
package final class RankActivity {
  let marks = ActivityMarks()
  /// The job's; `off` until it is known.
  var limit = StepLimit.off
  /// Whether waiting for the other replicas has a limit too: while batches are measured, when nobody
  /// computes anything alone.
  package var isMeasuring = false
  /// Seconds spent in each stage that has ended.
  private(set) var stages: [String: Double] = [:]
  private var stage = "start"
  private var stageBegan = MonotonicClock.nanoseconds()
  private var slowestStep = 0.0
  private var slowestBatch = 0.0
  private var stepBegan: UInt64?
  private var phase: UInt8 = 0
  private var step = 0

  package init() {}

  package func begin(_ stage: String, policy: String? = nil, batch: Int? = nil, turn: Int? = nil) {
    enter(stage)
    marks.change {
      $0 = ActivityMarks.Work(stage: stage, policy: policy, batch: batch, turn: turn)
    }
  }

  /// Another stage of the same batch.
  func enter(_ stage: String) {
    let now = MonotonicClock.nanoseconds()
    stages[self.stage, default: 0] += Double(now - stageBegan) / 1e9
    (self.stage, stageBegan) = (stage, now)
    marks.change { $0.stage = stage }
  }

  /// A step begins, and the one before it has ended.
  func beginStep(_ index: Int, isDecode: Bool) {
    begin(index, isDecode ? Traffic.decode : Traffic.prefill)
  }

  /// A slice of calls that are timed together begins.
  package func beginSlice(_ index: Int) { begin(index, Traffic.outside) }

  private func begin(_ index: Int, _ phase: UInt8) {
    let now = MonotonicClock.nanoseconds()
    endStep(now)
    stepBegan = now
    step = index
    self.phase = phase
    marks.set(step: index, micro: -1, phase: phase)
    marks.allow(limit.seconds(slowest: slowestStep), from: now)
  }

  @inline(__always)
  func beginMicroBatch(_ index: Int) { marks.set(step: step, micro: index, phase: phase) }

  /// The last step has ended; nothing is awaited.
  package func rest() {
    let now = MonotonicClock.nanoseconds()
    endStep(now)
    marks.set(step: -1, micro: -1, phase: 0)
    marks.allow(nil, from: now)
  }

  /// The other ranks are awaited, which run `steps` steps at most.
  package func awaitOthers(steps: Int) {
    rest()
    guard isMeasuring else { return }
    marks.allow(
      limit.seconds(waitingFor: steps, slowestStep: slowestStep, slowestBatch: slowestBatch),
      from: MonotonicClock.nanoseconds())
  }

  /// All ranks have ended a batch that began at `start`.
  func endBatch(from start: UInt64) {
    slowestBatch = max(slowestBatch, Double(MonotonicClock.nanoseconds() - start) / 1e9)
  }

  private func endStep(_ now: UInt64) {
    if let stepBegan { slowestStep = max(slowestStep, Double(now - stepBegan) / 1e9) }
    stepBegan = nil
  }
}
