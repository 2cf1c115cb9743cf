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
      """)

  @Argument(help: "The job file, such as jobs/quickstart.yaml.") var job: String
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Replace a value of the job, such as model.scale=1/64.", valueName: "k=v"))
  var settings: [String] = []
  @Option(help: "Folder of the run itself, new or empty, instead of one under results/.")
  var out: String?
  @Option(help: "Layouts instead of the job's, such as tp2,pp2.") var layouts: String?
  @Option(help: "As --set clock=…: wall or virtual.") var clock: String?
  @Option(
    help: "As --set network=…: the virtual clock's network, such as nvlink3-a100+infiniband-hdr.")
  var network: String?
  @Option(help: "As --set nodes=…: how many nodes the virtual clock pretends.") var nodes: Int?
  @Flag(name: .customLong("no-report"), help: "Do not aggregate and print the table.")
  var noReport = false
  @Option(help: "The mpirun to use; taken inside a Slurm allocation too.") var mpirun: String?
  @Flag(name: .customLong("dry-run"), help: "Check the job, print the launches, start nothing.")
  var dryRun = false

  func run() throws {
    let plan = try makePlan()
    if dryRun {
      printLaunches(plan)
      return
    }
    let start = UTCTime.now()
    let directory = try RunDirectory.create(job: plan.job.name, time: start, path: out)
    for warning in plan.warnings { Terminal.error("padtax: warning: \(warning)") }
    let study = StudyRun(plan: plan, directory: directory)
    let record = try study.prepare(
      arguments: CommandLine.arguments, version: padtaxVersion, start: start)
    let signals = SignalInbox()
    let outcomes = try execute(study, signals: signals)
    try study.finish(record, end: UTCTime.now())
    for outcome in outcomes where outcome.code != .fine {
      let text = outcome.text.split(separator: "\n").prefix(1).joined()
      Terminal.error("padtax: error: \(outcome.cell.id): \(text)")
    }
    if !noReport { try report(directory) }
    Terminal.line("\nfiles: \(directory.path)")
    if !signals.received.isEmpty { throw ExitCode.failed }
    let code = ExitCode.combined(outcomes.map(\.code))
    if code != .fine { throw code }
  }

  private func makePlan() throws -> RunPlan {
    let variables = ProcessInfo.processInfo.environment
    // The job first: what is wrong with it is said wherever padtax runs.
    let launcher = Result { () throws(StudyError) in
      try RankLauncher.choose(
        mpirun: mpirun, variables: variables, version: Doctor.version(of:))
    }
    let program = Result { () throws(StudyError) in
      try ExecutableSearch.rankProgram(variables: variables)
    }
    let plan = try RunPlan(
      jobPath: job, settings: settings + shorthands,
      layouts: layouts.map { $0.split(separator: ",").map(String.init) },
      host: HostFacts.detect(), launcher: (try? launcher.get()) ?? .openMPI(path: "mpirun"),
      rankProgram: (try? program.get()) ?? "padtax-rank", variables: variables)
    _ = try launcher.get()
    _ = try program.get()
    return plan
  }

  /// Options that stand for settings.
  private var shorthands: [String] {
    [("clock", clock), ("network", network), ("nodes", nodes.map(String.init))]
      .compactMap { key, value in value.map { "\(key)=\($0)" } }
  }

  private func printLaunches(_ plan: RunPlan) {
    let directory = RunDirectory(path: out ?? "results/\(plan.job.name)/<time>")
    Terminal.line(plan.resolved.model.shapeSummary)
    Terminal.line(
      "\(plan.resolved.batches.count) batches, policies "
        + plan.job.policies.map(\.description).joined(separator: ", "))
    for warning in plan.warnings { Terminal.line("warning: \(warning)") }
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
    try report.write()
    Terminal.write("\n" + report.summary.text(width: Terminal.tableWidth), to: STDOUT_FILENO)
  }
}
