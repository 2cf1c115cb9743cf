import Glibc
import Hardware
import Models
import Scheduling
import Units

/// Fits a device and an engine's overheads to measured batches.
///
/// Every parameter is found by pattern searches on its logarithm, from several starts since one alone
/// ends in a valley of its own: long prompts and short ones ask for products and attention apart.
/// What is minimised is the sum of log²(predicted/measured) over batch TTFT and decode step of the rows
/// that are not held out; each prediction is `PlanExecutor`'s timeline of the very plans that ran. Equal
/// rows give an equal device.
public struct Calibration: Sendable {
  /// What is fitted, in seconds, FLOP/s and bytes per second.
  public struct Parameters: Sendable, Hashable {
    var logs: [Double]

    /// Where searches begin: a core of 100 GFLOP/s and 10 GB/s, calls of some microseconds, and
    /// attention at several shares of that: the narrower its heads, the less.
    static let starts = [5e10, 1e10, 2e9].flatMap { attention in
      [1e10, 1e9].map { stream in
        Parameters(
          logs: [1e11, attention, 1e10, stream, 2e-6, 4e-6, 20e-6, 1e-6, 2e-6].map { log($0) })
      }
    }

    func value(_ index: Int) -> Double { exp(logs[index]) }

    public var gemmRate: Double { value(0) }
    public var attentionRate: Double { value(1) }
    public var bandwidth: Double { value(2) }
    public var attentionBandwidth: Double { value(3) }
    public var launch: Double { value(4) }
    public var attentionLaunch: Double { value(5) }
    public var overheads: EngineOverheads {
      EngineOverheads(step: value(6), perSequence: value(7), perCollective: value(8))
    }
  }

  /// A row and what the fitted device makes of it.
  public struct Line: Sendable {
    public let name: String
    public let metric: String
    public let isHeldOut: Bool
    public let measured: Double
    public let predicted: Double
    public var error: Double { predicted / measured - 1 }
  }

  public let parameters: Parameters
  public let lines: [Line]
  /// Device and peak as a hardware file has them.
  public let memory: Bytes
  public let devicesPerNode: Int

  /// - Throws: `SimulationError` where there is nothing to fit to, or a plan cannot be priced.
  public init(
    _ data: CalibrationData, memory: Bytes, devicesPerNode: Int
  ) throws(SimulationError) {
    guard data.rows.contains(where: { !$0.isHeldOut }) else {
      throw SimulationError(
        .data, "the runs have no measured batch to fit to, once some are held out")
    }
    self.memory = memory
    self.devicesPerNode = devicesPerNode
    let seen = data.rows.filter { !$0.isHeldOut }
    let lows = try Parameters.starts.map { start throws(SimulationError) in
      try PatternSearch.minimum(
        // A nanosecond is nothing.
        from: start.logs, step: 1, least: 0.005, lowest: log(1e-9)
      ) { logs throws(SimulationError) in
        let lines = try Self.price(seen, data, Parameters(logs: logs), memory, devicesPerNode)
        return lines.reduce(0) { sum, line in
          let error = log(line.predicted / line.measured)
          return sum + error * error
        }
      }
    }
    guard let lowest = lows.min(by: { $0.value < $1.value }) else {
      preconditionFailure("there is a start")
    }
    let best = Parameters(logs: lowest.numbers)
    parameters = best
    lines = try Self.price(data.rows, data, best, memory, devicesPerNode)
  }

  private static func price(
    _ rows: [CalibrationRow], _ data: CalibrationData, _ parameters: Parameters, _ memory: Bytes,
    _ devicesPerNode: Int
  ) throws(SimulationError) -> [Line] {
    let device = accelerator(parameters, memory: memory, devicesPerNode: devicesPerNode)
    var executors: [PlanExecutor] = []
    for setting in data.settings {
      executors.append(
        PlanExecutor(
          try Deployment(
            model: setting.model, layout: setting.layout, hardware: device,
            network: setting.network, nodes: setting.nodes, settings: setting.settings)))
    }
    var lines: [Line] = []
    for row in rows {
      var (ttft, total) = (0.0, 0.0)
      for (replica, plan) in row.plans.enumerated() {
        let timeline = try executors[row.deployment].run(plan, replica: replica)
        ttft = max(ttft, timeline.batchTTFT)
        total = max(total, timeline.total)
      }
      func add(_ metric: String, _ measured: Double, _ predicted: Double) {
        lines.append(
          Line(
            name: row.name, metric: metric, isHeldOut: row.isHeldOut, measured: measured,
            predicted: predicted))
      }
      add("batch TTFT", row.batchTTFT, ttft)
      if let step = row.step {
        add("decode step", step, (total - ttft) / Double(CalibrationRow.decodeSteps(row.plans)))
      }
    }
    return lines
  }

  /// The faster of products and attention is the peak, the faster of their streams the bandwidth; the
  /// other's share of it is its efficiency.
  static func accelerator(
    _ parameters: Parameters, memory: Bytes, devicesPerNode: Int
  ) -> Accelerator {
    let peaks = [NumberFormat.fp32: max(parameters.gemmRate, parameters.attentionRate)]
    let bandwidth = max(parameters.bandwidth, parameters.attentionBandwidth)
    return Accelerator(
      name: "this-machine", memory: memory, bandwidth: bandwidth, peaks: peaks,
      nodeLink: "shared-memory", betweenLink: "ethernet-10g", devicesPerNode: devicesPerNode,
      kernels: RooflineModel(
        name: "this-machine", peaks: peaks, bandwidth: bandwidth,
        efficiency: efficiency(parameters)),
      overheads: parameters.overheads)
  }

  private static func efficiency(_ parameters: Parameters) -> RooflineModel.Efficiency {
    let peak = max(parameters.gemmRate, parameters.attentionRate)
    let bandwidth = max(parameters.bandwidth, parameters.attentionBandwidth)
    return .init(
      gemm: parameters.gemmRate / peak, attention: parameters.attentionRate / peak,
      memory: parameters.bandwidth / bandwidth, launch: parameters.launch,
      attentionMemory: parameters.attentionBandwidth / bandwidth,
      attentionLaunch: parameters.attentionLaunch)
  }

  /// The hardware file.
  ///
  /// - Parameters:
  ///   - source: what was fitted to.
  ///   - network: as the runs' jobs name it.
  public func fileText(
    name: String, description: String, source: String, date: String, network: String
  ) -> String {
    let links = network.split(separator: "+").map(String.init)
    let efficiency = Self.efficiency(parameters)
    let device = Self.accelerator(parameters, memory: memory, devicesPerNode: devicesPerNode)
    func number(_ value: Double) -> String { value.significant(5) }
    func micro(_ seconds: Double) -> String { number(seconds * 1e6) }
    let overheads = parameters.overheads
    let keys = [
      "memory-gib", "bandwidth-gbps", "peak-tflops", "efficiency", "overhead-us",
    ]
    return """
      # Written by padtax calibrate. One device is one rank; peak and bandwidth are what its kernels
      # reached, not what a data sheet says.
      name: \(name)
      description: "\(description)"
      memory-gib: \(number(Double(memory.count) / 1_073_741_824))
      bandwidth-gbps: \(number(device.bandwidth / 1e9))
      peak-tflops: {fp32: \(number((device.peaks[.fp32] ?? 0) / 1e12))}
      devices-per-node: \(devicesPerNode)
      links: {node: \(links.first ?? "shared-memory"), between: \(links.dropFirst().first ?? "ethernet-10g")}
      kernels: roofline
      efficiency:
        gemm: \(number(efficiency.gemm))
        attention: \(number(efficiency.attention))
        memory: \(number(efficiency.memory))
        launch-us: \(micro(efficiency.launch))
        attention-memory: \(number(efficiency.attentionMemory))
        attention-launch-us: \(micro(efficiency.attentionLaunch))
      overhead-us:
        step: \(micro(overheads.step))
        sequence: \(micro(overheads.perSequence))
        collective: \(micro(overheads.perCollective))
      sources:

      """ + keys.map { "  \($0): {source: \"\(source)\", date: \"\(date)\"}\n" }.joined()
  }
}
