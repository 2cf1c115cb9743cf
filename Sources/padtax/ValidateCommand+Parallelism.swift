import FoundationEssentials
import Records
import Simulation
import Units

extension ValidateCommand {
  /// Memory and times of layouts: arXiv:2603.05692, row by row.
  func parallelism() throws -> ValidationReport {
    let source = table ?? "the paper's text and tables (built in)"
    do {
      let study = ParallelismStudy(
        try ParallelismTable(
          parsing: table.map(Self.contents) ?? ParallelismTable.published, source: source),
        source: source)
      return ValidationReport(
        name: "arXiv:2603.05692, parallelism of dense models", source: source,
        lines: study.lines.map { .init(passed: $0.passed, text: Self.text($0), error: $0.error) },
        problems: study.problems,
        notes: ParallelismDevice.all.map { "setting of \($0.text)" } + ParallelismStudy.notes)
    } catch let error as SimulationError {
      throw RecordError("\(error)")
    }
  }

  private static func text(_ line: ParallelismStudy.Line) -> String {
    let row = line.row
    let batch = row.batch.map { " b\($0)" } ?? ""
    let error = line.error.map { "error \(($0 * 100).fixed(2)) %" } ?? ""
    let tolerance =
      switch row.kind {
      case .exact, .model: "within \(((row.tolerance ?? 0) * 100).significant(3)) %"
      case .trendAbove: "must be above"
      case .trendBelow: "must be below"
      case .refuse: "must not fit"
      }
    let against = row.baseline.isEmpty ? "" : " against \(row.baseline)"
    let remark = line.remark.isEmpty ? "" : "; \(line.remark)"
    return
      "\(line.passed ? "PASS" : "FAIL") \(row.id): \(row.model) \(row.gpu) \(row.format.rawValue) "
      + "\(row.layout)\(batch) \(row.metric)\(against): paper \(row.value.significant(5)), padtax "
      + "\(line.found.significant(5)) \(row.unit) \(error.isEmpty ? "" : error + " ")(\(tolerance))"
      + remark
  }
}
