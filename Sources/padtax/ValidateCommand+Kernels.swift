import ArgumentParser
import Hardware
import Records
import Simulation
import Units

/// What `padtax validate --kernels` is told.
struct KernelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Judge the kernels of --hardware by these measured tables: a folder with files such as "
        + "gemm_bf16.csv, or one of them.", valueName: "dir"))
  var kernels: String?
  @Option(help: "The device that was measured: a name of `padtax hardware`, or a YAML file.")
  var hardware: String?
  @Option(
    help: "Judge rows left out instead, by fits to the others, dealt into so many hands.")
  var folds: Int?
  @Option(help: "Seed of the dealing.") var seed: UInt64 = 1
  @Flag(help: "Print each row, too; --json has them always.") var rows = false
}

extension ValidateCommand {
  /// The largest median and 90th percentile of a table's errors that pass.
  private static func tolerance(_ operation: KernelOperation) -> (median: Double, p90: Double) {
    operation == .gemm ? (0.04, 0.15) : (0.05, 0.2)
  }

  /// Measured kernels against the device's model, each table by itself.
  func kernelTables() throws -> ValidationReport {
    guard let folder = kernelOptions.kernels, let name = kernelOptions.hardware else {
      preconditionFailure("validated: tables and a device are named")
    }
    do {
      let device = try HardwareCatalogue.accelerator(name)
      var problems: [HardwareError] = []
      let tables = try KernelMeasurements.read(folder, problems: &problems)
      var lines: [ValidationReport.Line] = []
      var notes: [String] = []
      for table in tables {
        let judged = try judge(table, device, &notes)
        let rows = zip(table.rows, judged).map { row, judged in
          ValidationReport.Line(
            passed: true, text: Self.text(table, row, judged), error: judged.error)
        }
        if kernelOptions.rows || json { lines += rows }
        lines.append(Self.verdict(table, judged))
      }
      notes.append("\(device.name): kernels by \(device.kernelSource)")
      return ValidationReport(
        name: "kernels of \(device.name)", source: folder, lines: lines,
        problems: problems.map(\.description), notes: notes,
        verdict:
          "\(lines.count { $0.passed && $0.summary != nil }) of \(tables.count) tables within "
          + "their tolerance")
    } catch let error as HardwareError {
      throw RecordError("\(error)")
    }
  }

  private typealias Judged = (error: Double, basis: KernelTime.Basis)

  private func judge(
    _ table: KernelMeasurements, _ device: Accelerator, _ notes: inout [String]
  ) throws -> [Judged] {
    if let folds = kernelOptions.folds {
      guard (2...table.rows.count).contains(folds) else {
        throw RecordError(
          "--folds must be 2 to \(table.rows.count), the rows of \(table.name); found \(folds)")
      }
      let roofline = KernelRoofline(peaks: device.peaks, bandwidth: device.bandwidth)
      let axes = try KernelFit.axes(for: table, roofline: roofline)
      let errors = try KernelFit.crossValidation(
        table, roofline: roofline, folds: folds, seed: kernelOptions.seed, axes: axes)
      notes.append(
        "\(table.name): rows left out, \(folds) folds, seed \(kernelOptions.seed); knots "
          + axes.map { "\($0.knots.count)" }.joined(separator: " x "))
      return errors.map { ($0, .table) }
    }
    if let surface = device.tables?.surface(table.operation, table.format),
      surface.rowsDigest == table.digest
    {
      notes.append(
        "\(table.name): IN-SAMPLE, the model was fitted to these very rows; --folds 10 judges rows "
          + "left out")
    }
    return try table.rows.map { row in
      let time = try device.kernels.time(of: row.call, in: table.format)
      return (time.seconds / row.seconds - 1, time.basis)
    }
  }

  private static func text(
    _ table: KernelMeasurements, _ row: KernelMeasurements.Row, _ judged: Judged
  ) -> String {
    let sizes = zip(table.operation.columns, row.sizes(of: table.operation))
      .map { "\($0) \($1)" }.joined(separator: " ")
    return "\(table.name) \(sizes): measured \(Seconds(row.seconds)), padtax "
      + "\(Seconds(row.seconds * (1 + judged.error))), error \((judged.error * 100).fixed(2)) % "
      + "(\(judged.basis.rawValue))"
  }

  private static func verdict(
    _ table: KernelMeasurements, _ judged: [Judged]
  ) -> ValidationReport.Line {
    let limit = tolerance(table.operation)
    guard let errors = ErrorSummary(judged.map(\.error)) else {
      return .init(passed: false, text: "FAIL \(table.name): an error is not finite")
    }
    let passed = errors.median <= limit.median && errors.p90 <= limit.p90
    let beyond = judged.count { $0.basis != .table }
    return .init(
      passed: passed,
      text: "\(passed ? "PASS" : "FAIL") \(table.name): \(errors) (median within "
        + "\(Percentage(limit.median)), 90th percentile within \(Percentage(limit.p90)))"
        + (beyond > 0 ? "; \(beyond) rows beyond the measured range" : ""),
      summary: errors)
  }
}
