import ArgumentParser
import FoundationEssentials
import Glibc
import Netbench
import Records
import Studies

/// Times messages and collectives between ranks, and writes what padtax knows of this network.
struct NetbenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "netbench",
    abstract: "Time messages and collectives between ranks, with nccl-tests' formulas.",
    discussion: """
      Every size is checked on every rank before it is timed. docs/NETBENCH.md says what is timed \
      and what the fields of the report mean.

      Examples:
        padtax netbench --layout tp2pp2 --network-file here.json
        padtax netbench --ranks 4 --operations all-reduce --min-bytes 1K --max-bytes 1M --json
      """)

  @Option(help: "Layout whose groups are measured, such as tp2pp2.") var layout: String?
  @Option(help: "Ranks, where no layout is given (default: 2).") var ranks: Int?
  @Option(help: "Smallest size (default: 8).") var minBytes: String?
  @Option(help: "Largest size (default: 64M).") var maxBytes: String?
  @Option(help: "Each size over the one before (default: 2).") var factor: Double?
  @Option(
    help: ArgumentHelp(
      "Some of " + MeasuredOperation.allCases.map(\.rawValue).joined(separator: ",") + ".",
      valueName: "names"))
  var operations: String?
  @Option(help: "Timed slices of each operation and size, however long they take.")
  var repeats: Int?
  @Option(help: "Seconds for each operation and size (default: 0.05).") var seconds: Double?
  @Option(help: "File for the report in JSON.") var out: String?
  @Option(
    help: ArgumentHelp(
      "Write this network as a file that --network takes; over several hosts the link between them "
        + "goes beside it, as NAME-inter.json.", valueName: "name.json"))
  var networkFile: String?
  @Flag(help: "Print the report in JSON instead of the table.") var json = false
  @Option(help: ArgumentHelp(StepLimit.help)) var stepLimit = StepLimit.standard
  @Option(help: "The mpirun to use; taken inside a Slurm allocation too.") var mpirun: String?

  func run() throws {
    do {
      let request = try NetbenchRequest(
        layout: layout, ranks: ranks, minimum: minBytes, maximum: maxBytes, factor: factor,
        operations: operations, repeats: repeats, seconds: seconds)
      let network = try networkFile.map { path in try NetworkFilePath(path, request) }
      let text = try measure(request)
      let report = try JSONText.decode(NetbenchReport.self, from: text, source: "padtax-rank")
      if let out { try AtomicFile.write(JSONText.pretty(report), to: out) }
      if json { Terminal.write(try JSONText.pretty(report), to: 1) }
      try network.map { try write(report, to: $0) }
    } catch let error as NetbenchError {
      throw StudyError("\(error)")
    }
  }

  /// Writes the links' files and says how to name them.
  private func write(_ report: NetbenchReport, to path: NetworkFilePath) throws {
    let links = try MeasuredLinks(
      report, name: path.name,
      command: "padtax " + CommandLine.arguments.dropFirst().joined(separator: " "))
    var names: [String] = []
    for (link, file) in [(links.intraNode, path.intraNode), (links.interNode, path.interNode)] {
      guard let link else { continue }
      try AtomicFile.write(link.fileText, to: file)
      names.append(file)
    }
    if links.intraNode == nil { names.insert("shared-memory", at: 0) }
    Terminal.error("network: \(names.joined(separator: "+"))")
  }

  /// Launches the ranks, shows their table as it grows, and returns the report's line.
  private func measure(_ request: NetbenchRequest) throws -> String {
    let variables = ProcessInfo.processInfo.environment
    let program = try ExecutableSearch.rankProgram(variables: variables)
    let launch = LaunchPlan(
      try RankLauncher.choose(mpirun: mpirun, variables: variables, version: Doctor.version(of:)),
      ranks: request.ranks, threads: 1,
      program: [program, "netbench"] + request.arguments
        + ["--step-limit", stepLimit.description, "--report-line"]
        + (json ? ["--no-table"] : []),
      host: HostFacts.detect(), variables: variables)
    let signals = SignalInbox()
    var report: String?
    // The table that grows says as much where there is no terminal.
    let columns = Terminal.columns(STDERR_FILENO)
    var display = ProgressDisplay(
      style: columns.map { .terminal(columns: $0) } ?? .lines(interval: 60), cells: 1)
    let status = try ChildProcess(launch.command).wait(signals: signals) { line in
      if case .output(let text) = line, let progress = StudyRun.progress(text) {
        let shown = display.update(progress, now: MonotonicTime.now())
        if columns != nil || json { Terminal.write(shown, to: STDERR_FILENO) }
        return
      }
      Terminal.write(display.clear(), to: STDERR_FILENO)
      switch line {
      case .output(let text) where text.hasPrefix(NetbenchReport.linePrefix):
        report = String(text.dropFirst(NetbenchReport.linePrefix.count))
      case .output(let text): Terminal.line(text)
      case .error(let text): Terminal.error(text)
      }
    }
    Terminal.write(display.clear(), to: STDERR_FILENO)
    let code = signals.received.isEmpty ? StudyRun.code(of: status) : .failed
    if code != .fine { throw code }
    guard let report else {
      throw StudyError("the ranks ended without a report (\(launch.shellText))", .failed)
    }
    return report
  }
}

/// Where a network file goes: NAME.json for the link inside nodes, NAME-inter.json for the other.
private struct NetworkFilePath {
  let name: String
  let intraNode: String
  let interNode: String

  init(_ path: String, _ request: NetbenchRequest) throws(NetbenchError) {
    let file = path.split(separator: "/").last.map(String.init) ?? ""
    let name = String(file.dropLast(5))
    guard file.hasSuffix(".json"), !name.isEmpty, !path.contains("+"),
      name.utf8.allSatisfy({ $0 > 32 })
    else {
      throw NetbenchError(
        "--network-file '\(path)' must be NAME.json; a name has no spaces, a path no '+'")
    }
    guard request.operations.contains(.pingPong) else {
      throw NetbenchError("--network-file needs ping-pong among the --operations")
    }
    self.name = name
    // With a slash, so that it reads as a file wherever a network is named.
    intraNode = path.contains("/") ? path : "./" + path
    interNode = intraNode.dropLast(5) + "-inter.json"
  }
}
