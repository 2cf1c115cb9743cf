import Glibc
import Hardware
import Models
import Networks
import Scheduling
import Units

/// Holds a parallelism table against what the simulator says, row by row.
public struct ParallelismStudy: Sendable {
  public struct Line: Sendable {
    public let row: ParallelismTable.Row
    public let found: Double
    public let passed: Bool
    /// What a reader must know of the row; empty when nothing.
    public let remark: String

    /// Signed: ours over the paper's − 1; nil where the paper says 0, or only a side.
    public var error: Double? {
      switch row.kind {
      case .exact, .model: row.value == 0 ? nil : found / row.value - 1
      default: nil
      }
    }
  }

  public let lines: [Line]
  /// Rows that cannot be judged, each with its place and what would be valid.
  public let problems: [String]

  /// - Parameter network: the links of every device instead of its setting's.
  public init(
    _ table: ParallelismTable, source: String, network: Network? = nil
  ) {
    var judge = Judge(network: network)
    var lines: [Line] = []
    var problems = table.problems
    for row in table.rows {
      do { lines.append(try judge.line(row)) } catch {
        problems.append("\(source):\(row.line): \(row.id): \(error)")
      }
    }
    self.lines = lines
    self.problems = problems
  }

  /// Prices rows; keeps what several rows share.
  private struct Judge {
    private struct Key: Hashable {
      var model, gpu: String
      var format: NumberFormat
      var layout: ParallelLayout
    }

    private let network: Network?
    private var estimators: [Key: StaticEstimator] = [:]

    init(network: Network?) { self.network = network }

    mutating func line(_ row: ParallelismTable.Row) throws(SimulationError) -> Line {
      let metric = try ParallelismMetric(parsing: row.metric)
      let found: Double
      var remark = ""
      switch metric {
      case .room, .mostRequests, .fits, .shape:
        found = try memory(row, metric) / metric.bytes(of: row.unit)
        if case .fits(let all) = metric, found == 0 { remark = try shortfall(row, all) }
      case .time(let time, let comparison):
        found = try timed(row, time, comparison)
        remark = try unfitting(row)
      }
      let passed =
        switch row.kind {
        case .exact, .model:
          row.value == 0 || row.tolerance == 0
            ? found == row.value : abs(found / row.value - 1) <= (row.tolerance ?? 0) + 1e-12
        case .trendAbove: found > row.value
        case .trendBelow: found < row.value
        case .refuse: found == 0
        }
      return Line(row: row, found: found, passed: passed, remark: remark)
    }

    // MARK: Times

    private mutating func timed(
      _ row: ParallelismTable.Row, _ time: ParallelismMetric.Time,
      _ comparison: ParallelismMetric.Comparison
    ) throws(SimulationError) -> Double {
      let own = try value(row, time, layout: row.layout, batch: row.batch)
      guard comparison != .absolute else { return row.unit == "ms" ? own * 1000 : own }
      let baseline = try ParallelismBaseline(parsing: row.baseline)
      let other = try value(row, time, layout: baseline.layout, batch: baseline.batch ?? row.batch)
      return comparison == .ratio || time == .tps ? own / other : other / own
    }

    /// Seconds, or tokens per second and device with a nano-batch for each stage in flight:
    /// TPS = B · OSL / (TTFT + (OSL − 1) · TPOT) · stages / devices.
    private mutating func value(
      _ row: ParallelismTable.Row, _ time: ParallelismMetric.Time, layout: ParallelLayout,
      batch: Int?
    ) throws(SimulationError) -> Double {
      guard let batch, let prompt = row.prompt else {
        throw SimulationError(.data, "\(row.metric) needs batch and isl")
      }
      let isPrefill = time == .ttft || time == .prefill
      guard let generate = row.generate ?? (isPrefill ? 1 : nil), isPrefill || generate > 1 else {
        throw SimulationError(.data, "\(row.metric) needs osl, 2 or more")
      }
      let key = Key(model: row.model, gpu: row.gpu, format: row.format, layout: layout)
      var estimator: StaticEstimator
      if let known = estimators[key] {
        estimator = known
      } else {
        estimator = try StaticEstimator(try deployment(row, layout))
      }
      let estimate = try estimator.estimate(
        StaticBatch(requests: batch, prompt: prompt, generate: generate))
      estimators[key] = estimator
      switch time {
      case .ttft, .prefill: return estimate.batchTTFT
      case .tpot, .decode: return estimate.tpot ?? 0
      case .latency: return estimate.total
      case .tps:
        return estimate.outputRate * Double(layout.pipeline) / Double(layout.worldSize)
      }
    }

    func deployment(
      _ row: ParallelismTable.Row, _ layout: ParallelLayout
    ) throws(SimulationError) -> Deployment {
      let hardware = try SimulationError.wrap { try ParallelismDevice.accelerator(row.gpu) }
      return try Deployment(
        model: SimulationError.wrap { try .preset(row.model) }, layout: layout,
        hardware: hardware, network: network, nodes: Array(repeating: 0, count: layout.worldSize),
        settings: .init(
          format: row.format, cacheFormat: ParallelismDevice.cacheFormat,
          reserve: ParallelismDevice.reserve))
    }

    // MARK: Memory: weights and KV alone, as the paper counts

    private func memory(
      _ row: ParallelismTable.Row, _ metric: ParallelismMetric
    ) throws(SimulationError) -> Double {
      let deployment = try self.deployment(row, row.layout)
      let devices = Double(row.layout.worldSize)
      let weights = deployment.weightBytes
      let room = Double(deployment.hardware.memory.count) * devices - weights
      switch metric {
      case .room(let perDevice, let copies):
        return perDevice ? room / devices : room * Double(copies)
      case .mostRequests(let isPower):
        let most = (max(0, room) / (try cache(row, deployment))).rounded(.down)
        guard isPower else { return most }
        return most >= 1 ? exp2(log2(most).rounded(.down)) : 0
      case .fits(let all):
        guard let batch = row.batch else {
          throw SimulationError(.data, "\(row.metric) needs batch")
        }
        let inFlight = Double(batch * (all ? row.layout.pipeline : 1))
        return inFlight * (try cache(row, deployment)) <= room ? 1 : 0
      case .shape(.heads): return Double(deployment.shards[0].queryHeads.count)
      case .shape(.kvHeads): return Double(deployment.shards[0].kvHeads.count)
      case .shape(.layers): return Double(deployment.model.layerCount) / Double(row.layout.pipeline)
      case .shape(.weights): return weights
      case .shape(.weightsPerDevice): return weights / devices
      case .shape(.cachePerToken):
        return deployment.shards.indices.reduce(0) {
          $0 + deployment.cacheBytesPerToken(stage: $1)
        } * Double(row.layout.tensor)
      case .shape(.cachePerRequest): return try cache(row, deployment)
      case .shape(.cachePerDevice):
        guard let batch = row.batch else {
          throw SimulationError(.data, "\(row.metric) needs batch")
        }
        return try cache(row, deployment) * Double(batch) / devices
      case .time: preconditionFailure("times are priced elsewhere")
      }
    }

    /// Bytes of one request's keys and values when its last token is there, over all devices.
    private func cache(
      _ row: ParallelismTable.Row, _ deployment: Deployment
    ) throws(SimulationError) -> Double {
      guard let prompt = row.prompt else { throw SimulationError(.data, "\(row.metric) needs isl") }
      let perToken = deployment.shards.indices.reduce(0) {
        $0 + deployment.cacheBytesPerToken(stage: $1)
      }
      return Double(prompt + (row.generate ?? 0)) * perToken * Double(row.layout.tensor)
    }

    private func shortfall(
      _ row: ParallelismTable.Row, _ all: Bool
    ) throws(SimulationError) -> String {
      let deployment = try self.deployment(row, row.layout)
      let devices = Double(row.layout.worldSize)
      let batches = all ? row.layout.pipeline : 1
      let bytes = try cache(row, deployment) * Double((row.batch ?? 0) * batches) / devices
      return "\(batches) batch\(batches == 1 ? "" : "es") of \(row.batch ?? 0) in flight need "
        + "\(Int((bytes / 1e9).rounded())) GB of KV per device beside "
        + "\((deployment.weightBytes / devices / 1e9).fixed(1)) GB of weights; it has "
        + "\(deployment.hardware.memory.count / 1_000_000_000)"
    }

    /// Says where a timed configuration cannot be run at all.
    private func unfitting(_ row: ParallelismTable.Row) throws(SimulationError) -> String {
      guard row.batch != nil, row.prompt != nil, row.layout.pipeline > 1 else { return "" }
      guard try memory(row, .fits(allInFlight: true)) == 0 else { return "" }
      return "cannot hold as a running system: " + (try shortfall(row, true))
    }
  }
}

extension ParallelismMetric {
  /// Bytes in a row's unit; 1 for what is not in bytes.
  fileprivate func bytes(of unit: String) throws(SimulationError) -> Double {
    switch self {
    case .room: break
    case .shape(let shape) where shape.isBytes: break
    default: return 1
    }
    switch unit {
    case "GB": return 1e9
    case "MB": return 1e6
    case "KB", "kB": return 1e3
    case "B", "bytes": return 1
    case "TB": return 1e12
    case "GiB": return 1_073_741_824
    case "MiB": return 1_048_576
    case "KiB": return 1024
    default:
      throw SimulationError(
        .data,
        "unit is \(unit.isEmpty ? "missing" : "'\(unit)'"); valid: B KB MB GB TB KiB MiB GiB")
    }
  }
}

extension Deployment {
  /// Bytes of the model's weights, once.
  var weightBytes: Double { Double(model.parameterCount) * settings.format.bytes }
}
