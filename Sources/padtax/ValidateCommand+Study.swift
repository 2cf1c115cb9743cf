import Hardware
import Models
import Records
import Simulation
import Statistics
import Studies
import Units
import Workloads

extension ValidateCommand {
  /// Held-out batch TTFTs are to be within this, or within what the data repeat to.
  private static let tolerance = 0.06

  /// The published padding study, predicted.
  func paddingStudy() throws -> ValidationReport {
    guard let folder = study else { preconditionFailure("validated: a study is named") }
    do {
      let model = try ModelConfiguration.preset("qwen2.5-32b")
      let hardware = try HardwareCatalogue.accelerator("a100-40gb")
      let versions = try StudyImport.versions(in: folder)
      let parts = try versions.map { version in
        try part(
          PaddingStudy(folder: folder, version: version), model: model, hardware: hardware)
      }
      return ValidationReport(
        name: "padding study on 4 x A100-40GB, batch TTFT predicted", source: folder,
        lines: parts.flatMap(\.lines), notes: parts.flatMap(\.notes),
        verdict: parts.map(\.verdict).joined(separator: "; "))
    } catch let error as SimulationError {
      throw RecordError("\(error)")
    } catch let error as HardwareError {
      throw RecordError("\(error)")
    } catch let error as ModelError {
      throw RecordError("\(error)")
    }
  }

  private struct Part {
    var lines: [ValidationReport.Line] = []
    var notes: [String] = []
    var verdict = ""
  }

  private func part(
    _ study: PaddingStudy, model: ModelConfiguration, hardware: Accelerator
  ) throws -> Part {
    var part = Part()
    let asked = try calibrations()
    let limits = try engineBatch(study, asked, model: model, hardware: hardware, into: &part)
    if let whole = limits.errors.first?.limit, whole != limits.limit {
      let one = try StudyPrediction(
        study, calibration: .decode, limit: whole, model: model, hardware: hardware)
      part.notes.append(
        "decode throughput cannot tell the engine's batch: as one batch of \(whole) the same fit gives "
          + "MAPE \(Self.percent(ErrorSummary(one.lines.map(\.error))?.mape ?? 0))")
    }
    part.notes += try regression(study)
    for calibration in asked {
      let prediction = try StudyPrediction(
        study, calibration: calibration, limit: limits.limit, model: model, hardware: hardware)
      // With several settings, the rows of the last are the report's errors.
      let isLast = calibration.name == asked.last?.name
      try judge(prediction, study, isGated: calibration.isGated, writesRows: isLast, into: &part)
    }
    part.notes += try whatIf(study, limit: limits.limit, model: model, hardware: hardware)
    return part
  }

  /// The engine's batch, as the cells that are fitted on show it.
  private func engineBatch(
    _ study: PaddingStudy, _ asked: [StudyPrediction.Calibration], model: ModelConfiguration,
    hardware: Accelerator, into part: inout Part
  ) throws -> (limit: Int, errors: [(limit: Int, mape: Double)]) {
    func text(_ errors: [(limit: Int, mape: Double)]) -> String {
      errors.map { "\($0.limit): \(Self.percent($0.mape))" }.joined(separator: ", ")
    }
    if case .study(let other)? = asked.first {
      let limits = try StudyPrediction.bestLimit(other, model: model, hardware: hardware)
      part.notes.append(
        "engine batch \(limits.limit), chosen on \(other.name); MAPE there with the host time "
          + "fitted: \(text(limits.errors))")
      return limits
    }
    let limits = try StudyPrediction.bestLimit(study, half: 0, model: model, hardware: hardware)
    let other = try StudyPrediction.bestLimit(study, half: 1, model: model, hardware: hardware)
    part.notes.append(
      "engine batch \(limits.limit), chosen on one half of the cells; MAPE there with the host time "
        + "fitted: \(text(limits.errors)); the other half chooses \(other.limit)")
    return limits
  }

  private func calibrations() throws -> [StudyPrediction.Calibration] {
    switch calibrateOn {
    case nil: return [.decode, .half]
    case "decode"?: return [.decode]
    case "half"?: return [.half]
    case let folder?:
      let versions = try StudyImport.versions(in: folder)
      guard versions.count == 1 else {
        throw RecordError(
          "--calibrate-on \(folder): has versions \(versions.joined(separator: " ")); one is wanted"
        )
      }
      return [.study(try PaddingStudy(folder: folder, version: versions[0]))]
    }
  }

  /// The study's own regression: TTFT over longest − shortest prompt.
  private func regression(_ study: PaddingStudy) throws -> [String] {
    try StudyConfiguration.allCases.compactMap { configuration in
      let own = study.measurements(of: configuration)
      guard !own.isEmpty else { return nil }
      let fit: LinearFit
      do {
        fit = try LinearFit(x: own.map { Double($0.span) }, y: own.map(\.batchTTFT))
      } catch { throw RecordError("\(configuration.rawValue): \(error)") }
      return "\(configuration.layout): TTFT = \((fit.slope * 1000).fixed(1)) ms x (longest - "
        + "shortest) + \(fit.intercept.fixed(3)) s, R2 \(fit.rSquared.fixed(3)), \(own.count) "
        + "batches; the data repeat to \(Self.percent(study.repeatability(of: configuration)))"
    }
  }

  private func judge(
    _ prediction: StudyPrediction, _ study: PaddingStudy, isGated: Bool, writesRows: Bool,
    into part: inout Part
  ) throws {
    let title = "fitted on \(prediction.calibration)"
    if writesRows {
      part.lines += prediction.lines.map { line in
        let measured = line.measurement
        return .init(
          passed: true,
          text:
            "\(measured.configuration.layout) \(measured.cell) batch \(measured.batch): measured "
            + "\(measured.batchTTFT.fixed(3)) s, padtax \(line.predicted.fixed(3)) s "
            + "(\(Self.signed(line.error))), line \(line.linear.fixed(3)) s "
            + "(\(Self.signed(line.linearError)))", error: line.error)
      }
    }
    for configuration in StudyConfiguration.allCases {
      let own = prediction.lines.filter { $0.measurement.configuration == configuration }
      guard let ours = ErrorSummary(own.map(\.error)),
        let line = ErrorSummary(own.map(\.linearError)),
        let host = prediction.hostTimes[configuration]
      else { continue }
      let limit = max(Self.tolerance, study.repeatability(of: configuration))
      let passed = !isGated || ours.mape <= limit && ours.mape <= line.mape
      let gate = isGated ? " (within \(Self.percent(limit)) and the line's)" : ""
      part.lines.append(
        .init(
          passed: passed,
          text: "\(passed ? "PASS" : "FAIL") \(configuration.layout) \(title): MAPE "
            + "\(Self.percent(ours.mape)), median \(Self.percent(ours.median)), bias "
            + "\(Self.signed(ours.bias)), R2 "
            + "\(prediction.rSquared(of: configuration, \.predicted).fixed(3))\(gate); straight line "
            + "MAPE \(Self.percent(line.mape)), R2 "
            + "\(prediction.rSquared(of: configuration, \.linear).fixed(3)); host "
            + "\((host.perStep * 1000).fixed(1)) ms a step, \((host.perBulkSlot * 1e6).fixed(1)) us a "
            + "bulk slot"))
    }
    guard let all = ErrorSummary(prediction.lines.map(\.error)),
      let line = ErrorSummary(prediction.lines.map(\.linearError))
    else { return }
    let winners = (prediction.winners(\.predicted), prediction.winners(\.linear))
    let text =
      "\(title): MAPE \(Self.percent(all.mape)) against the line's \(Self.percent(line.mape)); fastest "
      + "configuration right in \(winners.0.right) of \(winners.0.cells) cells, by the line in "
      + "\(winners.1.right)"
    part.verdict += (part.verdict.isEmpty ? "" : "; ") + text
  }

  private func whatIf(
    _ study: PaddingStudy, limit: Int, model: ModelConfiguration, hardware: Accelerator
  ) throws -> [String] {
    let answer = try StudyWhatIf(study, limit: limit, model: model, hardware: hardware)
    var notes = answer.lines.map { line in
      let bounds =
        line.name == "measured"
        ? ""
        : "; bounds: compute \(line.computeBound.significant(3)) s, bandwidth "
          + "\(line.bandwidthBound.significant(3)) s"
      return "what if, \(line.configuration.layout), \(line.name): mean batch TTFT "
        + "\(line.batchTTFT.significant(3)) s\(bounds)"
    }
    for configuration in StudyConfiguration.allCases {
      func ttft(_ name: String) -> Double? {
        answer.lines.first { $0.configuration == configuration && $0.name == name }?.batchTTFT
      }
      guard let measured = ttft("measured"), let padded = ttft("right-pad"),
        let packed = ttft("packed")
      else { continue }
      notes.append(
        "finding, \(configuration.layout): of the published TTFT \(Self.percent(packed / measured)) is "
          + "physics (packed tokens on these devices), \(Self.percent((padded - packed) / measured)) "
          + "is padding as a rectangle would have it, "
          + "\(Self.percent(1 - padded / measured)) is the engine's loop: one position a step, host "
          + "time in each, and batches taken apart")
    }
    return notes
  }

  private static func percent(_ share: Double) -> String { "\((share * 100).fixed(1)) %" }

  private static func signed(_ share: Double) -> String {
    (share < 0 ? "-" : "+") + percent(abs(share))
  }
}

extension StudyPrediction.Calibration {
  fileprivate var name: String {
    switch self {
    case .decode: "decode"
    case .half: "half"
    case .study: "study"
    }
  }

  /// Only settings that saw TTFTs have a stated tolerance.
  fileprivate var isGated: Bool { name != "decode" }
}
