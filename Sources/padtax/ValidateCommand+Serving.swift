import Hardware
import Networks
import Records
import Simulation
import Units

extension ValidateCommand {
  /// The mean error of each metric, over rows that the fit did not see, is to be within this.
  private static let servingTolerance = 0.15

  /// Measured closed loops of a serving engine, predicted.
  func servingTable() throws -> ValidationReport {
    guard let path = serving, let name = kernelOptions.hardware else {
      preconditionFailure("validated: a table and a device are named")
    }
    do {
      let hardware = try HardwareCatalogue.accelerator(name)
      func table(_ path: String) throws -> ServingTable {
        try ServingTable(
          parsing: Self.contents(path), source: path, hardware: hardware.name)
      }
      let rows = try table(path)
      let other = try calibrateOn.map(table)
      let network = try engineNetwork(of: hardware)
      let seed = kernelOptions.seed
      let prediction = ServingPrediction(
        rows, calibration: other?.rows ?? ServingPrediction.half(of: rows.rows, seed: seed),
        hardware: hardware, network: network)
      let held = prediction.lines.filter(\.isHeldOut)
      var notes = [
        "engine: \(prediction.engine); fitted on \(prediction.fitted) rows "
          + (calibrateOn.map { "of \($0)" } ?? "of the table, drawn by seed \(seed)"),
        "kernels: \(hardware.kernelSource); network: \(network)",
      ]
      if held.isEmpty { notes.append("IN-SAMPLE: the fit saw every row") }
      let judged = held.isEmpty ? prediction.lines : held
      notes += Self.limits(judged)
      return ValidationReport(
        name: "closed loops on \(hardware.name), continuous batching", source: path,
        lines: prediction.lines.map(Self.line) + [
          Self.verdict("TTFT", judged.map(\.ttftError)),
          Self.verdict("TPOT", judged.map(\.tpotError)),
        ],
        problems: rows.problems + (other?.problems ?? []) + prediction.problems, notes: notes,
        verdict: "\(judged.count) rows\(held.isEmpty ? "" : " that the fit did not see")")
    } catch let error as SimulationError {
      throw RecordError("\(error)")
    } catch let error as HardwareError {
      throw RecordError("\(error)")
    }
  }

  /// The links as a serving engine uses them: inside CUDA graphs, with an all-reduce of its own, where
  /// the catalogue has that.
  private func engineNetwork(of hardware: Accelerator) throws -> Network {
    if let network { return try NetworkChoice.parse(network) }
    let own = "\(hardware.nodeLink)-graph"
    let node = Catalogue.names.contains(own) ? own : hardware.nodeLink
    return try NetworkChoice.parse("\(node)+\(hardware.betweenLink)")
  }

  private static func line(_ line: ServingPrediction.Line) -> ValidationReport.Line {
    let row = line.row
    return .init(
      passed: true,
      text: "\(row.name): TTFT \(row.ttft.significant(5)) ms, padtax \(line.ttft.significant(5)) "
        + "(\(Percentage(line.ttftError))); TPOT \(row.tpot.significant(5)) ms, padtax "
        + "\(line.tpot.significant(5)) (\(Percentage(line.tpotError)))"
        + (line.isHeldOut ? "" : " (seen by the fit)"),
      errors: ["ttft": line.ttftError, "tpot": line.tpotError], isHeldOut: line.isHeldOut)
  }

  private static func verdict(_ metric: String, _ errors: [Double]) -> ValidationReport.Line {
    guard let summary = ErrorSummary(errors) else {
      return .init(passed: false, text: "FAIL \(metric): no row could be judged")
    }
    let passed = summary.mape <= servingTolerance
    return .init(
      passed: passed,
      text: "\(passed ? "PASS" : "FAIL") \(metric): \(summary) (MAPE within "
        + "\(Percentage(servingTolerance)))", summary: summary)
  }

  /// Where the errors lie: bias by what the rows differ in.
  private static func limits(_ lines: [ServingPrediction.Line]) -> [String] {
    let groups: [(name: String, key: (ServingTable.Row) -> Int)] = [
      ("output tokens", { $0.output }), ("prompt tokens", { $0.prompt }), ("users", { $0.users }),
      ("ranks", { $0.layout.worldSize }),
    ]
    return groups.map { name, key in
      let parts = Dictionary(grouping: lines) { key($0.row) }.sorted { $0.key < $1.key }
        .map { value, own in
          let ttft = Percentage(own.reduce(0) { $0 + $1.ttftError } / Double(own.count))
          let tpot = Percentage(own.reduce(0) { $0 + $1.tpotError } / Double(own.count))
          return "\(value): \(ttft) and \(tpot)"
        }
      return "bias of TTFT and TPOT by \(name): \(parts.joined(separator: ", "))"
    }
  }
}
