import ArgumentParser
import Glibc
import Records
import Reporting
import Studies
import Units

/// Holds a run against another one of the same job.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Compare two runs: counts and tokens exactly, times by a test of all pairs together.",
    discussion: """
      Cells are matched by their ids, executions by batch and repeat. The gate fails (exit code 3) \
      where a count, a byte, a slot or a token differs, or where a metric got worse by more than its \
      threshold and chance does not explain it: without a change, in at most 5 % of comparisons. \
      Runs under another clock, on other hardware, over another network, or with more ranks than \
      cores are refused (exit code 2).

      Examples:
        padtax compare results/reference results/run --exact-only
        padtax compare before after --metric batch_ttft_s=3% --metric total_s=3% --junit gate.xml
      """)

  @Argument(help: "Run directory to compare with.", completion: .directory) var base: String
  @Argument(help: "Run directory that is judged.", completion: .directory) var new: String
  @Option(
    name: .customLong("metric"), parsing: .singleValue,
    help: ArgumentHelp(
      "A metric and the change for the worse that it may have; all of "
        + ComparisonMetric.allCases.map(\.rawValue).joined(separator: ", ")
        + " with 5% when none is given.", valueName: "name=5%"))
  var metrics: [MetricThreshold] = []
  @Flag(name: .customLong("exact-only"), help: "Compare counts, bytes, slots and tokens; no times.")
  var exactOnly = false
  @Flag(name: .customLong("allow-different"), help: "Compare times of runs that are refused else.")
  var allowDifferent = false
  @Option(help: ArgumentHelp("Write the cases as JUnit XML.", valueName: "file")) var junit: String?
  @Option(help: ArgumentHelp("Write the comparison as Markdown.", valueName: "file"))
  var markdown: String?
  @Flag(help: "Print the comparison as JSON instead of tables.") var json = false

  func validate() throws {
    if exactOnly, !metrics.isEmpty {
      throw ValidationError("--exact-only tests no times; leave --metric out")
    }
  }

  func run() throws {
    let usual = ComparisonMetric.allCases.map {
      MetricThreshold(metric: $0, threshold: ComparisonMetric.usualThreshold)
    }
    let tested = exactOnly ? [] : metrics.isEmpty ? usual : metrics
    let comparison = try RunComparison(
      base: RunContents(RunDirectory(path: base)), new: RunContents(RunDirectory(path: new)),
      thresholds: Dictionary(
        tested.map { ($0.metric, $0.threshold) }, uniquingKeysWith: { _, last in last }),
      allowsDifferent: allowDifferent)
    if let junit { try AtomicFile.write(comparison.junit.xml, to: junit) }
    if let markdown { try AtomicFile.write(comparison.markdown, to: markdown) }
    Terminal.write(
      json ? try JSONText.pretty(comparison) : comparison.text(width: Terminal.tableWidth),
      to: STDOUT_FILENO)
    if comparison.isRefused {
      throw StudyError(
        "the runs' times cannot be compared: \(comparison.refusals.joined(separator: "; ")); "
          + "--exact-only compares counts, --allow-different compares all the same")
    }
    if !comparison.passed { throw ExitCode.gateFailed }
  }
}

/// A metric and its threshold: `total_s=3%`.
struct MetricThreshold: ExpressibleByArgument {
  let metric: ComparisonMetric
  let threshold: Double

  init(metric: ComparisonMetric, threshold: Double) {
    self.metric = metric
    self.threshold = threshold
  }

  init?(argument: String) {
    let parts = argument.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, let metric = ComparisonMetric(rawValue: String(parts[0])),
      let threshold = Percentage(parsing: parts[1])
    else { return nil }
    self.init(metric: metric, threshold: threshold.fraction)
  }
}
