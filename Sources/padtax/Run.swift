import ArgumentParser
import FoundationEssentials
import Glibc
import Records
import Reporting
import Studies

/// Runs a job: one launch of ranks per layout, then the report.
struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run a job: launch the ranks of each layout in turn, then print the report.",
    discussion: """
      The run goes to results/<job name>/<UTC time>/. Each layout and policy is verified before it
      is timed. Inside a Slurm allocation the ranks are started with srun, else with mpirun.

      Examples:
        padtax run jobs/quickstart.yaml
        padtax run jobs/study.yaml --set repeats=5 --layouts tp2,pp2 --dry-run
        padtax run jobs/study.yaml --clock virtual --network nvlink3-a100 --out results/a100
        padtax run --resume results/study/20261121T113000Z --retry-errors
      """)

  @Argument(
    help: "The job file, such as jobs/quickstart.yaml; left out to --resume as planned.",
    completion: .file(extensions: ["yaml"]))
  var job: String?
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Replace a value of the job, such as model.scale=1/64.", valueName: "k=v"))
  var settings: [String] = []
  @Option(
    name: .customLong("until-ci"),
    help: ArgumentHelp(
      "Repeat until ratios are known to this, as --set until-ci=2%.", valueName: "2%"))
  var untilCI: String?
  @Option(
    name: .customLong("most-repeats"),
    help: ArgumentHelp("The cap of --until-ci; 50 when left out.", valueName: "n"))
  var mostRepeats: Int?
  @Option(help: "Folder of the run itself, new or empty, instead of one under results/.")
  var out: String?
  @Option(help: "Layouts instead of the job's, such as tp2,pp2; of a resumed run, those to run.")
  var layouts: String?
  @Option(
    help: ArgumentHelp("Run directory to go on with: what is missing runs.", valueName: "dir"))
  var resume: String?
  @Flag(name: .customLong("retry-errors"), help: "With --resume: cells that failed run again.")
  var retryErrors = false
  @Flag(help: "With --resume: go on although padtax-rank has changed; the run says so.")
  var force = false
  @Option(help: ArgumentHelp("Run every n-th cell from the i-th on, as 0/4.", valueName: "i/n"))
  var shard: Shard?
  @Option(help: "As --set clock=…: wall or virtual.") var clock: String?
  @Option(
    help: "As --set network=…: the virtual clock's network, such as nvlink3-a100+infiniband-hdr.")
  var network: String?
  @Option(help: "As --set nodes=…: how many nodes the virtual clock pretends.") var nodes: Int?
  @Flag(help: "Make the run directory and run nothing; --resume starts it.") var prepare = false
  @Flag(name: .customLong("no-report"), help: "Do not aggregate and print the table.")
  var noReport = false
  @Option(help: "The mpirun to use; taken inside a Slurm allocation too.") var mpirun: String?
  @Flag(name: .customLong("dry-run"), help: "Check the job, print the launches, start nothing.")
  var dryRun = false

  func validate() throws {
    guard job != nil || resume != nil else {
      throw ValidationError("name a job file, or a run directory with --resume")
    }
    if resume != nil, out != nil {
      throw ValidationError("--resume names the folder; leave out --out")
    }
    if resume != nil, prepare { throw ValidationError("--resume goes on with what is prepared") }
    if mostRepeats != nil, untilCI == nil {
      throw ValidationError("--most-repeats is the cap of --until-ci, which is missing")
    }
    if job == nil, !(settings + shorthands).isEmpty {
      throw ValidationError("--set replaces values of a job; name the job, or leave --set out")
    }
    if resume == nil, retryErrors || force {
      throw ValidationError("--retry-errors and --force belong to --resume")
    }
  }

  func run() throws {
    let planner = RunPlanner(mpirun: mpirun, layouts: layouts)
    var record: RunRecord?
    if let resume { record = try RunContents.record(of: RunDirectory(path: resume)) }
    var plan = try planner.plan(
      job: job, settings: settings + shorthands, resuming: resume, record: record)
    if let shard { plan = plan.part(shard.index, of: shard.count) }
    if dryRun { return try printLaunches(plan) }
    if let shortage = plan.shortage, !prepare { throw shortage }
    // What is wrong with the report's surroundings is said before the run, not after it.
    if !noReport { _ = try ReportFiles.bundle() }
    let start = UTCTime.now()
    let directory =
      try resume.map(RunDirectory.init(path:))
      ?? RunDirectory.create(job: plan.job.name, time: start, path: out)
    for warning in plan.warnings { Terminal.error("padtax: warning: \(warning)") }
    let study = StudyRun(plan: plan, directory: directory, retriesErrors: retryErrors)
    let binary = StudyRun.digest(ofProgram: plan.rankProgram)
    let begun =
      try record.map { try study.resume($0, binary: binary, force: force, time: start) }
      ?? study.prepare(
        arguments: CommandLine.arguments, version: padtaxVersion, start: start, binary: binary)
    if prepare {
      Terminal.line("prepared: \(plan.cells.count) cells in \(directory.path)")
      return
    }
    let signals = SignalInbox()
    let outcomes = try execute(study, signals: signals)
    try study.finish(begun, end: UTCTime.now())
    report(outcomes, of: plan)
    if !noReport { try report(directory) }
    Terminal.line("\nfiles: \(directory.path)")
    let code = signals.received.isEmpty ? ExitCode.combined(outcomes.map(\.code)) : .stopped
    if code == .stopped {
      Terminal.error("padtax: stopped; go on with: padtax run --resume \(directory.path)")
    }
    if code != .fine { throw code }
  }

  /// Says what failed, and what was done before.
  private func report(_ outcomes: [StudyRun.Outcome], of plan: RunPlan) {
    let done = outcomes.count { $0.wasDone && $0.code == .fine }
    if done > 0 { Terminal.line("\(done) of \(plan.cells.count) cells were done before") }
    for outcome in outcomes where outcome.code != .fine {
      let text = outcome.text.split(separator: "\n").prefix(1).joined()
      Terminal.error("padtax: error: \(outcome.cell.id): \(text)")
    }
  }

  /// Options that stand for settings.
  private var shorthands: [String] {
    let most = untilCI.map { _ in String(mostRepeats ?? 50) }
    return [
      ("clock", clock), ("network", network), ("nodes", nodes.map(String.init)),
      ("until-ci", untilCI), ("most-repeats", most),
    ]
    .compactMap { key, value in value.map { "\(key)=\($0)" } }
  }

  private func printLaunches(_ plan: RunPlan) throws {
    let directory = RunDirectory(path: resume ?? out ?? "results/\(plan.job.name)/<time>")
    let warnings = plan.warnings + [plan.shortage?.description].compactMap(\.self)
    for warning in warnings { Terminal.line("warning: \(warning)") }
    for line in try plan.overview { Terminal.line(line) }
    for cell in plan.cells { Terminal.line(plan.launch(cell, in: directory).shellText) }
  }

  private func execute(_ study: StudyRun, signals: SignalInbox) throws -> [StudyRun.Outcome] {
    let columns = Terminal.columns(STDERR_FILENO)
    var display = ProgressDisplay(
      style: columns.map { .terminal(columns: $0) } ?? .lines(interval: 10),
      cells: study.plan.cells.count)
    return try study.execute(
      signals: signals, display: &display,
      write: { line in
        switch line {
        case .output(let text): Terminal.line(text)
        case .error(let text): Terminal.error(text)
        }
      }, show: { Terminal.write($0, to: STDERR_FILENO) })
  }

  private func report(_ directory: RunDirectory) throws {
    let report = try RunReport(directory)
    try report.write(bundle: ReportFiles.bundle())
    Terminal.write("\n" + report.summary.text(width: Terminal.tableWidth), to: STDOUT_FILENO)
  }
}

/// A part of a study's cells: `i/n`.
struct Shard: ExpressibleByArgument {
  let index: Int
  let count: Int

  init?(argument: String) {
    let parts = argument.split(separator: "/").map { Int($0) }
    guard parts.count == 2, let index = parts[0], let count = parts[1], count > 0,
      (0..<count).contains(index)
    else { return nil }
    self.index = index
    self.count = count
  }
}
