import ArgumentParser
import Glibc
import Models
import Records
import Reporting
import Simulation
import Studies

/// Prices a job on hardware that is not here; needs no MPI.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Price a job on other hardware: the engine's own plans, kernel by kernel. No MPI.",
    discussion: """
      The job names hardware: NAME or a YAML file, or a list of them; network, nodes, layouts,
      policies and axes are as for padtax run. The run directory has the same records, clock
      `modelled`, so that padtax report shows them beside measured ones. docs/SIMULATOR.md has the
      formulas.

      Examples:
        padtax simulate jobs/modelled.yaml
        padtax simulate jobs/modelled.yaml --hardware h100,mi325x --layouts tp4,tp8
      """)

  @Argument(help: "The job file.", completion: .file(extensions: ["yaml"])) var job: String
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Replace a value of the job, such as model.scale=1/64.", valueName: "k=v"))
  var settings: [String] = []
  @Option(help: "As --set hardware=…: names separated by commas.") var hardware: String?
  @Option(help: "As --set layouts=[…]: layouts separated by commas.") var layouts: String?
  @Option(help: "Folder of the run itself, new or empty, instead of one under results/.")
  var out: String?
  @Option(help: "Threads; all cores when left out.") var threads: Int?
  @Flag(name: .customLong("no-report"), help: "Do not aggregate and print the table.")
  var noReport = false

  func validate() throws {
    if let threads, !(1...4096).contains(threads) {
      throw ValidationError("--threads \(threads) is out of range; it must be 1 to 4096")
    }
  }

  func run() throws {
    do { try simulate() } catch let error as SimulationError { throw RecordError("\(error)") }
  }

  private func simulate() throws {
    let study = try SimulationStudy(job: job, settings: settings + shorthands)
    let start = UTCTime.now()
    let directory = try RunDirectory.create(job: study.job.name, time: start, path: out)
    let record = try study.prepare(directory, start: start)
    var display = ProgressDisplay(
      style: Terminal.columns(STDERR_FILENO).map { .terminal(columns: $0) }
        ?? .lines(interval: 10), cells: 1)
    let began = MonotonicTime.now()
    let code = try study.execute(
      in: directory, start: start, threads: threads ?? WorkerPool.cores
    ) { done, total in
      let line = ProgressLine(
        layout: "\(study.cells.count) cells", stage: "simulate", policy: nil, batch: nil,
        done: done, total: total, elapsedSeconds: MonotonicTime.now() - began)
      Terminal.write(display.update(line, now: MonotonicTime.now()), to: STDERR_FILENO)
    }
    Terminal.write(display.clear(), to: STDERR_FILENO)
    var ended = record
    ended.endUTC = UTCTime.now().iso8601
    try AtomicFile.write(JSONText.pretty(ended), to: directory.run)
    if !noReport {
      let report = try RunReport(directory)
      try report.write(bundle: ReportFiles.bundle())
      Terminal.write("\n" + report.summary.text(width: Terminal.tableWidth), to: STDOUT_FILENO)
    }
    Terminal.line("\nfiles: \(directory.path)")
    if code != .fine { throw code }
  }

  private var shorthands: [String] {
    [("hardware", hardware), ("layouts", layouts)].compactMap { key, value in
      value.map { "\(key)=[\($0)]" }
    }
  }
}
