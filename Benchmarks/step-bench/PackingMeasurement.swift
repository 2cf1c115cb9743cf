import Inference
import Models

/// Packed against right-padded prefill of one batch: what packing gains over what it could.
struct PackingMeasurement {
  private static let sequences = 16
  private static let longest = 256

  private let engine: Engine
  private let rounds: Int

  init(_ engine: Engine, rounds: Int) {
    self.engine = engine
    self.rounds = rounds
  }

  /// 16 lengths from 16 to 256 whose mean is half the longest: a pad ratio of 0.5.
  static let lengths: [Int] = {
    let others = (0..<sequences - 2).map { 16 + $0 * 16 }
    let rest = sequences * longest / 2 - longest - others.reduce(0, +)
    return [longest] + others + [rest]
  }()

  func run(_ report: inout Report) throws {
    let lengths = Self.lengths
    let padRatio = 1 - Double(lengths.reduce(0, +)) / Double(lengths.count * Self.longest)
    let padded = try engine.batch(.rightPad, lengths: lengths, outputs: 1)
    let packed = try engine.batch(.packed, lengths: lengths, outputs: 1)
    let ideal = FLOPCount(engine.shard.plan).idealPackingSpeedup(lengths: lengths)
    report.note(
      "\npacked against right-pad, \(lengths.count) sequences, longest \(Self.longest), pad ratio "
        + fixed(padRatio))
    var speedup = PairedRatio()
    for round in 0...rounds {
      let slow = try engine.ranks.sample { try engine.run(padded).prefill }
      let fast = try engine.ranks.sample { try engine.run(packed).prefill }
      guard round > 0 else { continue }  // The first round is warm-up.
      speedup.add(ceiling: slow, judged: fast)
    }
    report.ceiling("ideal speed-up", ideal, "x")
    report.ceiling("measured speed-up", speedup.median, "x")
    report.ratio(
      "packing efficiency", speedup, as: { ($0 - 1) / (ideal - 1) },
      atLeast: engine.ranks.precision.target(0.95, 0.90))
  }
}
