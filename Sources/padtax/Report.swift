import ArgumentParser
import Glibc
import Networks
import Records
import Reporting
import Studies

/// Aggregates the records of runs, prints their tables and writes their reports.
struct Report: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Aggregate runs: tables, report.html, summary.csv, summary.json, records.jsonl.",
    discussion: """
      Reads what is there, also when a run was killed. Several runs, measured or imported, are shown
      in the same tables and in one more page, report-joined.html in the first run's folder; each
      keeps its own files. Charts need the bundle that scripts/fetch-vega makes (docs/REPORT.md).

      Examples:
        padtax report results/quickstart/20261121T113000Z --images charts
        padtax report results/measured results/imported --html both.html
        padtax report results/study --network here.json --openmetrics study.txt
      """)

  @Argument(
    help: "Run directories, such as results/quickstart/20261121T113000Z.", completion: .directory)
  var runs: [String]
  @Option(help: "Width of the table in characters; the terminal's, or 100, when left out.")
  var width: Int?
  @Option(help: "Where the page of all these runs goes, instead of beside the first run's files.")
  var html: String?
  @Option(
    help: "The network that runs under the wall clock lie on: a name, or a file of netbench.")
  var network: String?
  @Flag(help: "Print a summary in Markdown, for a pull request, instead of the tables.")
  var markdown = false
  @Option(
    help: ArgumentHelp("Folder for every chart as SVG, PNG and Vega-Lite.", valueName: "dir"))
  var images: String?

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
    if let network { try Self.check(network: network) }
    let reports = try runs.map {
      try RunReport(RunDirectory(path: Self.trimmed($0)), network: network)
    }
    let bundle = try ReportFiles.bundle()
    for report in reports { try report.write(bundle: bundle) }
    let summaries = reports.map(\.summary)
    let summary =
      summaries.count == 1
      ? summaries[0] : Summary(joining: summaries, runs: reports.map(\.contents))
    if let trace, let report = reports.first {
      try AtomicFile.write(RunTrace(report.contents).json(), to: trace)
    }
    if let openmetrics { try AtomicFile.write(OpenMetrics(summary).text, to: openmetrics) }
    let page = HTMLReport(summary, runs: reports.map(\.contents))
    let path = html ?? ReportFiles.joinedPath(reports.map(\.directory))
    if let path { try AtomicFile.write(page.page(bundle: bundle), to: path) }
    let rendered = try images.map { try ReportFiles.render(page, into: Self.trimmed($0)) }
    if markdown {
      Terminal.write(summary.markdown, to: STDOUT_FILENO)
      return
    }
    Terminal.write(summary.text(width: width ?? Terminal.tableWidth), to: STDOUT_FILENO)
    for report in reports {
      let files = [
        report.directory.reportHTML, report.directory.records, report.directory.summaryCSV,
        report.directory.summaryJSON,
      ]
      Terminal.line("\nfiles: " + files.joined(separator: " "))
    }
    if let path { Terminal.line("page: \(path)") }
    if let images, let rendered { Terminal.line("images: \(rendered) charts in \(images)") }
    if bundle == nil {
      Terminal.error("padtax: the pages have no charts: scripts/fetch-vega makes what draws them")
    }
  }

  private static func check(network: String) throws {
    do { _ = try Network(parsing: network) } catch { throw StudyError("--network: \(error)") }
  }

  private static func trimmed(_ path: String) -> String {
    path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }
}
