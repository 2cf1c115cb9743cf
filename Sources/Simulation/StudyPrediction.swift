import Hardware
import Models
import Statistics
import Workloads

/// Batch TTFTs of the padding study predicted by walking its engine's plans, beside the straight line over
/// (longest − shortest prompt) that the study itself fits.
public struct StudyPrediction: Sendable {
  /// What the engine's host time is fitted on.
  public enum Calibration: Sendable {
    /// Decode throughput of every batch; no TTFT.
    case decode
    /// TTFTs of half of the cells; the other half is predicted, then the halves change places.
    case half
    /// TTFTs of another study. Where its engine batches have other sizes, the host time of a step is
    /// scaled as that of a decode step is.
    case study(PaddingStudy)
  }

  public struct Line: Sendable {
    public let measurement: PaddingStudy.Measurement
    public let predicted: Double
    /// By the straight line, fitted on the same cells that did not see this one.
    public let linear: Double

    public var error: Double { predicted / measurement.batchTTFT - 1 }
    public var linearError: Double { linear / measurement.batchTTFT - 1 }
  }

  public let calibration: String
  public let limit: Int
  public let lines: [Line]
  /// By configuration; with halves of the first half.
  public let hostTimes: [StudyConfiguration: StudyEngine.HostTime]

  /// - Parameter limit: requests of an engine batch.
  public init(
    _ study: PaddingStudy, calibration: Calibration, limit: Int, model: ModelConfiguration,
    hardware: Accelerator
  ) throws(SimulationError) {
    self.limit = limit
    var engine = try StudyEngine(limit: limit, model: model, hardware: hardware)
    var lines: [Line] = []
    var hostTimes: [StudyConfiguration: StudyEngine.HostTime] = [:]
    // Every other cell, in order of padding and spread, so that both halves cover both.
    let halves = Dictionary(
      uniqueKeysWithValues: study.cells.enumerated().map { ($0.element, $0.offset % 2) })
    for configuration in StudyConfiguration.allCases {
      let all = try Self.walked(study.measurements(of: configuration), &engine)
      // Host time depends on the rows of an engine batch: batches of each size are fitted apart.
      for requests in Set(all.map(\.measured.lengths.count)).sorted() {
        let pairs = all.filter { $0.measured.lengths.count == requests }
        for half in [0, 1] {
          let held = pairs.filter { halves[$0.measured.cell] == half }
          let others = pairs.filter { halves[$0.measured.cell] != half }
          guard !held.isEmpty else { continue }
          let host: StudyEngine.HostTime
          let line: LinearFit
          switch calibration {
          case .decode:
            host = StudyFit.decode(pairs)
            line = try Self.line(others.isEmpty ? held : others)
          case .half:
            guard !others.isEmpty else {
              throw SimulationError(.data, "\(study.name): one cell cannot be halved; use decode")
            }
            host = StudyFit.prefill(others)
            line = try Self.line(others)
          case .study(let other):
            let own = try Self.walked(other.measurements(of: configuration), &engine)
            guard !own.isEmpty else {
              throw SimulationError(.data, "\(other.name) has no \(configuration.rawValue)")
            }
            host = StudyFit.carried(from: own, to: pairs)
            line = try Self.line(own)
          }
          if hostTimes[configuration] == nil { hostTimes[configuration] = host }
          lines += held.map {
            Line(
              measurement: $0.measured, predicted: $0.walked.batchTTFT(host),
              linear: line.value(at: Double($0.measured.span)))
          }
        }
      }
    }
    self.lines = lines.sorted {
      ($0.measurement.configuration.rawValue, $0.measurement.cell, $0.measurement.batch)
        < ($1.measurement.configuration.rawValue, $1.measurement.cell, $1.measurement.batch)
    }
    self.hostTimes = hostTimes
    self.calibration =
      switch calibration {
      case .decode: "decode throughput"
      case .half: "TTFT of the other half of the cells"
      case .study(let other): "TTFT of \(other.name)"
      }
  }

  /// The engine's batch that explains a study's TTFTs best when its host time is fitted on them: the
  /// smallest error among batches of all requests and of powers of two below.
  /// - Parameter half: every other cell alone, as `Calibration.half` takes them; all when nil.
  public static func bestLimit(
    _ study: PaddingStudy, half: Int? = nil, model: ModelConfiguration, hardware: Accelerator
  ) throws(SimulationError) -> (limit: Int, errors: [(limit: Int, mape: Double)]) {
    let most = study.measurements.map(\.lengths.count).max() ?? 1
    let cells = Set(
      study.cells.enumerated().filter { half == nil || $0.offset % 2 == half }.map(\.element))
    var limits = [most]
    var power = 1
    while power < most { power *= 2 }
    while limits.count < 5, power > 8 {
      power /= 2
      if power < most { limits.append(power) }
    }
    var errors: [(limit: Int, mape: Double)] = []
    for limit in limits {
      var engine = try StudyEngine(limit: limit, model: model, hardware: hardware)
      var all: [Double] = []
      for configuration in StudyConfiguration.allCases {
        let own = study.measurements(of: configuration).filter { cells.contains($0.cell) }
        let pairs = try walked(own, &engine)
        guard !pairs.isEmpty else { continue }
        for (_, alike) in Dictionary(grouping: pairs, by: \.measured.lengths.count) {
          let host = StudyFit.prefill(alike)
          all += alike.map { abs($0.walked.batchTTFT(host) / $0.measured.batchTTFT - 1) }
        }
      }
      errors.append((limit, all.reduce(0, +) / Double(max(1, all.count))))
    }
    let best = errors.min { $0.mape < $1.mape }?.limit ?? most
    return (best, errors)
  }

  private static func walked(
    _ measurements: [PaddingStudy.Measurement], _ engine: inout StudyEngine
  ) throws(SimulationError) -> [StudyFit.Pair] {
    var pairs: [StudyFit.Pair] = []
    for measurement in measurements { pairs.append((measurement, try engine.walk(measurement))) }
    return pairs
  }

  private static func line(_ pairs: [StudyFit.Pair]) throws(SimulationError) -> LinearFit {
    try SimulationError.wrap(.data) {
      try LinearFit(
        x: pairs.map { Double($0.measured.span) }, y: pairs.map(\.measured.batchTTFT))
    }
  }
}

extension StudyPrediction {
  /// 1 − Σ error² / Σ (measured − mean)², of predictions, not of a fit; can be negative.
  public func rSquared(
    of configuration: StudyConfiguration, _ value: (Line) -> Double
  ) -> Double {
    let own = lines.filter { $0.measurement.configuration == configuration }
    let mean = own.reduce(0) { $0 + $1.measurement.batchTTFT } / Double(max(1, own.count))
    let all = own.reduce(0) { sum, line in
      let distance = line.measurement.batchTTFT - mean
      return sum + distance * distance
    }
    let left = own.reduce(0) { sum, line in
      let distance = line.measurement.batchTTFT - value(line)
      return sum + distance * distance
    }
    return all > 0 ? 1 - left / all : 0
  }

  /// Cells in which the configuration with the least mean TTFT is also the least predicted, and how many
  /// cells have several configurations.
  public func winners(_ value: (Line) -> Double) -> (right: Int, cells: Int) {
    var (right, cells) = (0, 0)
    for (_, own) in Dictionary(grouping: lines, by: \.measurement.cell) {
      func winner(_ value: (Line) -> Double) -> StudyConfiguration? {
        Dictionary(grouping: own, by: \.measurement.configuration)
          .mapValues { $0.reduce(0) { $0 + value($1) } / Double($0.count) }
          .min { ($0.value, $0.key.rawValue) < ($1.value, $1.key.rawValue) }?.key
      }
      guard Set(own.map(\.measurement.configuration)).count > 1 else { continue }
      cells += 1
      if winner(\.measurement.batchTTFT) == winner(value) { right += 1 }
    }
    return (right, cells)
  }
}
