import Inference
import MPI

/// What a measured run adds to a decode step: the ledger's notes and marks, two clock readings of
/// each call, and the mark of the step. Phases and traces are told from the ledger after the clock
/// has stopped.
///
/// Told twice. *Counted*: calls of a step times what one call costs more, which a loop over the
/// cheapest call there is shows to a nanosecond. *Paired*: steps while the ledger notes every call
/// against the same steps while it notes nothing, with the 95 % interval of the median of many pairs;
/// on most machines it is wider than what is looked for.
struct InstrumentMeasurement {
  private static let allowed = 0.005
  private static let steps = 4

  private let engine: Engine
  private let rounds: Int

  init(_ engine: Engine, rounds: Int) {
    self.engine = engine
    self.rounds = rounds
  }

  func run(_ report: inout Report) throws {
    let batch = try engine.decodeBatch(sequences: 1, context: 64, steps: Self.steps)
    defer { engine.ledger.isRecording = true }
    var ratio = PairedRatio()
    var calls = 0
    for round in 0...40 * rounds {
      var seconds = [0.0, 0.0]
      // Either goes first in every other pair.
      for turn in [round % 2, 1 - round % 2] {
        engine.ledger.isRecording = turn == 0
        seconds[turn] = try engine.ranks.sample { try engine.run(batch).decode }
        if turn == 0 { calls = engine.ledger.count }
      }
      // Seconds with the instruments over those without are what is wanted.
      if round > 0 { ratio.add(ceiling: seconds[0], judged: seconds[1]) }
    }
    let step = ratio.bestJudged / Double(Self.steps)
    let call = try Self.callCost()
    let mark = Self.markCost()
    let counted = try engine.ranks.slowest(
      (Double(calls) / Double(Self.steps) * call + mark) / step)
    report.note("\ncost of the instruments in decode, batch 1")
    report.note(
      "    a step of \(fixed(step * 1e3)) ms has \(fixed(Double(calls) / Double(Self.steps))) calls "
        + "of \(fixed(call * 1e9)) ns each, and a mark of \(fixed(mark * 1e9)) ns")
    report.share("instruments of a decode step, counted", counted, atMost: Self.allowed)
    let (low, high) = ratio.medianInterval
    report.share(
      "instruments of a decode step, \(ratio.count) pairs", from: low - 1, to: high - 1,
      atMost: Self.allowed)
  }

  /// Seconds that a ledger adds to a call: a barrier of one rank with one that records, less the
  /// same with none at all. The fastest of many short turns.
  private static func callCost() throws(MPIError) -> Double {
    let label = CommunicatorLabel(raw: 2, name: "self")
    let ledger = TrafficLedger(capacity: 1024)
    let watched = try Communicator.ownSelf(label: label, ledger: ledger)
    let bare = try Communicator.ownSelf(label: label)
    var best = (watched: Double.infinity, bare: Double.infinity)
    for _ in 0..<200 {
      ledger.clear()
      best.watched = min(best.watched, try seconds { () throws(MPIError) in try watched.barrier() })
      best.bare = min(best.bare, try seconds { () throws(MPIError) in try bare.barrier() })
    }
    return best.watched - best.bare
  }

  /// Seconds of saying that a step begins, for whoever looks after a rank.
  private static func markCost() -> Double {
    let activity = RankActivity()
    var best = Double.infinity
    for _ in 0..<200 { best = min(best, seconds { activity.beginSlice(1) }) }
    return best
  }

  /// Of one call of `body`, over a thousand.
  private static func seconds<E: Error>(_ body: () throws(E) -> Void) throws(E) -> Double {
    let start = MonotonicClock.nanoseconds()
    for _ in 0..<1000 { try body() }
    return Double(MonotonicClock.nanoseconds() - start) * 1e-12
  }
}
