import ArgumentParser
import Hardware
import Records
import Reporting
import Simulation
import Studies
import Units

/// Fits a hardware file to runs on this machine.
struct CalibrateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Fit a hardware file to runs of this machine, and say how well it predicts the rest.",
    discussion: """
      Of every cell and policy some batches are held out; kernels and engine overheads are fitted to the
      others. Prints the errors of both. jobs/calibration.yaml makes a run that serves.

      Examples:
        padtax calibrate results/calibration/20261121T113000Z --output here.yaml
      """)

  @Argument(help: "Run directories of padtax run, under the wall or the virtual clock.")
  var runs: [String]
  @Option(name: .shortAndLong, help: "The hardware file to write, in YAML.") var output: String
  @Option(help: "The share of batches that the fit does not see, in per cent.") var heldOut = 33.0
  @Option(help: "Seed of the choice.") var seed: UInt64 = 1
  @Option(help: "Name of the device.") var name = "this-machine"
  @Option(
    help: ArgumentHelp(
      "Exit with 3 when the mean error of a metric held out is above so many per cent.",
      valueName: "per cent"))
  var tolerance: Double?
  @Flag(help: "Print each row.") var rows = false

  func validate() throws {
    guard heldOut > 0, heldOut < 100 else {
      throw ValidationError("--held-out must be above 0 and below 100, found \(heldOut)")
    }
    if let tolerance, !(tolerance > 0 && tolerance < 1000) {
      throw ValidationError("--tolerance is a share above 0 % such as 5, found \(tolerance)")
    }
  }

  func run() throws {
    do {
      try calibrate()
    } catch let error as SimulationError {
      throw RecordError("\(error)")
    }
  }

  private func calibrate() throws {
    var data = CalibrationData()
    var ranks = 1
    for path in runs {
      let contents = try RunContents(RunDirectory(path: path))
      for cell in contents.cells {
        guard let job = cell.job, !cell.batches.isEmpty else { continue }
        let resolved = try ResolvedJob(job, file: RunDirectory(path: path).cell(cell.name).job)
        ranks = max(ranks, job.layouts.map(\.worldSize).max() ?? 1)
        try data.add(
          cell: cell.name, resolved, batches: cell.batches, heldOut: heldOut / 100, seed: seed)
      }
    }
    let host = HostFacts.detect()
    let devices = max(ranks, host.cores)
    let calibration = try Calibration(
      data, memory: Bytes(host.memoryBytes / devices), devicesPerNode: devices)
    if rows {
      for line in calibration.lines {
        Terminal.line(
          "\(line.name), \(line.metric): measured \(Seconds(line.measured)), padtax "
            + "\(Seconds(line.predicted)), error \((line.error * 100).fixed(2)) %"
            + (line.isHeldOut ? " (held out)" : ""))
      }
    }
    var broken: [String] = []
    for (what, held) in [("seen by the fit", false), ("held out", true)] {
      for metric in ["batch TTFT", "decode step"] {
        let errors = calibration.lines.filter { $0.metric == metric && $0.isHeldOut == held }
          .map(\.error)
        guard let summary = ErrorSummary(errors) else { continue }
        Terminal.line("\(metric), \(what): \(summary)")
        if held, let tolerance, summary.mape * 100 > tolerance { broken.append(metric) }
      }
    }
    let text = calibration.fileText(
      name: name, description: "\(host.cpuModel), \(host.cores) cores",
      source: "padtax calibrate, \(data.rows.count { !$0.isHeldOut }) measured batches",
      date: String(UTCTime.now().iso8601.prefix(10)), network: data.network)
    try AtomicFile.write(text, to: output)
    Terminal.line("written: \(output)")
    guard let tolerance else { return }
    let passed = broken.isEmpty
    Terminal.line(
      "\(passed ? "PASS" : "FAIL"): MAPE held out within \(tolerance.significant(3)) %"
        + (passed ? "" : " is broken by \(broken.joined(separator: " and "))"))
    if !passed { throw ExitCode.gateFailed }
  }
}
