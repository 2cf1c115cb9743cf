import ArgumentParser
import Glibc
import Records
import Reporting
import Studies

/// Aggregates the records of runs and prints their tables.
struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Aggregate runs into records.jsonl, summary.csv and summary.json; print the table.",
    discussion: """
      Reads what is there, also when a run was killed. Several runs, measured or imported, are shown
      in the same tables; each keeps its own files.
      """)

  @Argument(help: "Run directories, such as results/quickstart/20261121T113000Z.")
  var runs: [String]
  @Option(help: "Width of the table in characters; the terminal's, or 100, when left out.")
  var width: Int?

  @Option(
    help: ArgumentHelp("Write a timeline for Perfetto or Chrome's tracing.", valueName: "file"))
  var trace: String?
  @Option(
    help: ArgumentHelp("Write every number in OpenMetrics' text format.", valueName: "file"))
  var openmetrics: String?

  func validate() throws {
    if trace != nil, runs.count > 1 {
      throw ValidationError("--trace is about one run; \(runs.count) are named")
    }

    if let width, !(40...1000).contains(width) {
      throw ValidationError("--width \(width) is out of range; it must be 40 to 1000")
    }
  }

  func run() throws {
    // All are read before anything is printed or written: a wrong path among them changes nothing.
    let reports = try runs.map { try RunReport(RunDirectory(path: Self.trimmed($0))) }
    for report in reports { try report.write() }
    let summaries = reports.map(\.summary)
    let summary = summaries.count == 1 ? summaries[0] : Summary(joining: summaries)
    if let trace, let report = reports.first {
      try AtomicFile.write(RunTrace(report.contents).json(), to: trace)
    }
    if let openmetrics { try AtomicFile.write(OpenMetrics(summary).text, to: openmetrics) }
    Terminal.write(summary.text(width: width ?? Terminal.tableWidth), to: STDOUT_FILENO)
    for report in reports {
      let files = [
        report.directory.records, report.directory.summaryCSV, report.directory.summaryJSON,
      ]
      Terminal.line("\nfiles: " + files.joined(separator: " "))
    }
  }

  private static func trimmed(_ path: String) -> String {
    path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }
}
