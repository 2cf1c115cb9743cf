import Glibc
import Hardware
import Networks
import Statistics

/// TTFT and TPOT of closed loops predicted by the continuous scheduler, with an engine's settings and
/// overheads fitted on other rows.
public struct ServingPrediction: Sendable {
  public struct Line: Sendable {
    public let row: ServingTable.Row
    /// Whether the fit did not see it.
    public let isHeldOut: Bool
    /// Milliseconds.
    public let ttft: Double
    public let tpot: Double

    public var ttftError: Double { ttft / row.ttft - 1 }
    public var tpotError: Double { tpot / row.tpot - 1 }
  }

  public let engine: ServingEngine
  /// In the table's order.
  public let lines: [Line]
  /// Rows that cannot be priced, and why.
  public let problems: [String]
  /// Rows that the engine was fitted on.
  public let fitted: Int

  /// - Parameters:
  ///   - calibration: rows to fit on; those of the table that are among them are not held out.
  public init(
    _ table: ServingTable, calibration: [ServingTable.Row], hardware: Accelerator,
    network: Network?
  ) {
    let sweep = Sweep(hardware: hardware, network: network)
    let engine = sweep.fitted(on: calibration)
    let results = sweep.times(table.rows, engine)
    var lines: [Line] = []
    var problems: [String] = []
    for (row, result) in zip(table.rows, results) {
      switch result {
      case .success(let times):
        lines.append(
          Line(
            row: row, isHeldOut: !calibration.contains { $0.isSame(as: row) },
            ttft: times.ttft, tpot: times.tpot))
      case .failure(let error): problems.append("\(table.source):\(row.line): \(error)")
      }
    }
    self.engine = engine
    self.lines = lines
    self.problems = problems
    fitted = calibration.count
  }

  /// Half of the rows, drawn by a seed; of one row none.
  public static func half(of rows: [ServingTable.Row], seed: UInt64) -> [ServingTable.Row] {
    let order = CounterRandom(seed: seed, stream: CounterRandom.stream(named: "serving rows"))
      .permutation(count: rows.count)
    return order.prefix(rows.count / 2).sorted().map { rows[$0] }
  }
}

/// Prices rows under one engine after another.
private struct Sweep: Sendable {
  let hardware: Accelerator
  let network: Network?

  typealias Times = (ttft: Double, tpot: Double)

  func times(
    _ rows: [ServingTable.Row], _ engine: ServingEngine
  ) -> [Result<Times, SimulationError>] {
    WorkerPool.map(rows) { row in
      Result { () throws(SimulationError) in
        try engine.times(of: row, on: hardware, network: network)
      }
    }
  }

  /// Mean |log(predicted/measured)| of both metrics; rows that do not fit count as e times off.
  private func loss(_ rows: [ServingTable.Row], _ times: [Times?]) -> Double {
    var sum = 0.0
    for (row, times) in zip(rows, times) {
      guard let times else {
        sum += 2
        continue
      }
      sum += abs(log(times.ttft / row.ttft)) + abs(log(times.tpot / row.tpot))
    }
    return sum / Double(2 * max(1, rows.count))
  }

  /// The engine that explains the rows best: chunk and memory share among those that people set, one
  /// after the other, each with the overheads that suit it.
  func fitted(on rows: [ServingTable.Row]) -> ServingEngine {
    guard !rows.isEmpty else { return ServingEngine() }
    var best = overheads(ServingEngine(), rows)
    for chunk in [4096, 16_384, 32_768] {
      var engine = ServingEngine()
      engine.chunk = chunk
      let found = overheads(engine, rows)
      if found.loss < best.loss { best = found }
    }
    // Others are served alike whatever the share is.
    var least = best.engine
    least.memoryShare = Self.shares.lowerBound
    let short = rows.filter { least.isShortOfBlocks($0, on: hardware, network: network) }
    if short.isEmpty { return best.engine }
    func loss(_ engine: ServingEngine) -> Double {
      self.loss(short, times(short, engine).map { try? $0.get() })
    }
    let chosen = best.engine
    best.loss = loss(chosen)
    for share in stride(from: Self.shares.lowerBound, through: Self.shares.upperBound, by: 0.01) {
      var engine = chosen
      engine.memoryShare = share
      let loss = loss(engine)
      if loss < best.loss * (1 - 1e-6) { best = (engine, loss) }
    }
    return overheads(best.engine, rows).engine
  }

  private static let shares = 0.7...0.9

  /// Overheads are fitted to a straight line: with the same plans a time is the sum of its steps' host
  /// times. The slopes are what a small overhead adds.
  private func overheads(
    _ base: ServingEngine, _ rows: [ServingTable.Row]
  ) -> (engine: ServingEngine, loss: Double) {
    var engine = base
    (engine.step, engine.perSequence, engine.request) = (0, 0, 0)
    func run(_ engine: ServingEngine) -> [Times?] { times(rows, engine).map { try? $0.get() } }
    let plain = run(engine)
    // Far above a double's rounding of a run's seconds, far below an iteration.
    let small = 1e-5
    var trial = engine
    trial.step = small
    let perStep = run(trial)
    trial = engine
    trial.perSequence = small / 10
    let perSequence = run(trial)
    func predicted(_ overheads: [Double]) -> [Times?] {
      plain.indices.map { index in
        guard let zero = plain[index], let one = perStep[index], let many = perSequence[index]
        else { return nil }
        func value(_ metric: (Times) -> Double) -> Double {
          metric(zero) + overheads[0] / small * (metric(one) - metric(zero))
            + overheads[1] / (small / 10) * (metric(many) - metric(zero))
        }
        return (value(\.ttft) + overheads[2] * 1000, value(\.tpot))
      }
    }
    // In units in which all are near 1: milliseconds, tens of microseconds, hundredths.
    let units = [1e-3, 1e-5, 1e-2]
    func scaled(_ point: [Double]) -> [Double] { zip(point, units).map { $0 * $1 } }
    let point =
      (try? PatternSearch.minimum(
        from: [1, 1, 1], step: 1, least: 1e-4, lowest: 0
      ) { point throws(SimulationError) in loss(rows, predicted(scaled(point))) })?.numbers ?? [
        0, 0, 0,
      ]
    let overheads = scaled(point)
    (engine.step, engine.perSequence, engine.request) = (overheads[0], overheads[1], overheads[2])
    return (engine, loss(rows, run(engine)))
  }
}
