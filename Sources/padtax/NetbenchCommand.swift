import ArgumentParser
import FoundationEssentials
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
      """)

  @Option(help: "Layout whose groups are measured, such as tp2pp2.") var layout: String?
  @Option(help: "Ranks, where no layout is given (default: 2).") var ranks: Int?
  @Option(help: "Smallest size (default: 8).") var minBytes: String?
  @Option(help: "Largest size (default: 64M).") var maxBytes: String?
  @Option(help: "Each size over the one before (default: 2).") var factor: Int?
  @Option(
    help: ArgumentHelp(
      "Some of " + MeasuredOperation.allCases.map(\.rawValue).joined(separator: ",") + ".",
      valueName: "names"))
  var operations: String?
  @Option(help: "Timed slices of each operation and size, however long they take.")
  var repeats: Int?
  @Option(help: "Seconds for each operation and size (default: 0.05).") var seconds: Double?
  @Option(help: "File for the report in JSON.") var out: String?
  @Flag(help: "Print the report in JSON instead of the table.") var json = false
  @Option(help: "The mpirun to use; taken inside a Slurm allocation too.") var mpirun: String?

  func run() throws {
    let request: NetbenchRequest
    do {
      request = try NetbenchRequest(
        layout: layout, ranks: ranks, minimum: minBytes, maximum: maxBytes, factor: factor,
        operations: operations, repeats: repeats, seconds: seconds)
    } catch { throw StudyError("\(error)") }
    let text = try measure(request)
    let report = try JSONText.decode(NetbenchReport.self, from: text, source: "padtax-rank")
    if let out { try AtomicFile.write(JSONText.pretty(report), to: out) }
    if json { Terminal.write(try JSONText.pretty(report), to: 1) }
  }

  /// Launches the ranks, shows their table as it grows, and returns the report's line.
  private func measure(_ request: NetbenchRequest) throws -> String {
    let variables = ProcessInfo.processInfo.environment
    let program = try ExecutableSearch.rankProgram(variables: variables)
    let launch = LaunchPlan(
      try RankLauncher.choose(mpirun: mpirun, variables: variables, version: Doctor.version(of:)),
      ranks: request.ranks, threads: 1,
      program: [program, "netbench"] + request.arguments + ["--report-line"]
        + (json ? ["--no-table"] : []),
      host: HostFacts.detect(), variables: variables)
    let signals = SignalInbox()
    var report: String?
    let status = try ChildProcess(launch.command).wait(signals: signals) { line in
      switch line {
      case .output(let text) where text.hasPrefix(NetbenchReport.linePrefix):
        report = String(text.dropFirst(NetbenchReport.linePrefix.count))
      case .output(let text): Terminal.line(text)
      case .error(let text): Terminal.error(text)
      }
    }
    let code = signals.received.isEmpty ? StudyRun.code(of: status) : .failed
    if code != .fine { throw code }
    guard let report else {
      throw StudyError("the ranks ended without a report (\(launch.shellText))", .failed)
    }
    return report
  }
}
