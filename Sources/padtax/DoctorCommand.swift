import ArgumentParser
import FoundationEssentials
import Studies
import Units

/// Says what this machine has of what a run needs.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Say what this machine has of what a run needs, and how to get the rest.",
    discussion: """
      Starts two ranks with a tiny job, unless --quick: they say whether MPI works, whether answers
      are right, and which part of the processor's peak the BLAS reaches. Exit code 1 when something
      that a run needs is missing.

      Examples:
        padtax doctor
        padtax doctor --quick --mpirun /opt/openmpi/bin/mpirun
      """)

  @Option(help: "The mpirun to look at.") var mpirun: String?
  @Flag(help: "Look at files only; start no ranks.") var quick = false

  func run() throws {
    let host = HostFacts.detect()
    let variables = ProcessInfo.processInfo.environment
    let doctor = Doctor(host: host, variables: variables, mpirun: mpirun)
    for finding in doctor.findings { show(finding) }
    guard doctor.isHealthy else { throw ExitCode.failed }
    guard !quick else { return }
    let trial = DoctorTrial(
      try RankLauncher.choose(mpirun: mpirun, variables: variables, version: Doctor.version(of:)),
      rankProgram: try ExecutableSearch.rankProgram(variables: variables), host: host,
      variables: variables)
    let findings = try trial.findings()
    for finding in findings { show(finding) }
    if findings.contains(where: { $0.state == .missing }) { throw ExitCode.failed }
  }

  private func show(_ finding: Doctor.Finding) {
    let state = finding.state == .absent ? "-" : finding.state.rawValue
    Terminal.line(
      finding.subject.padded(to: 12, alignment: .leading)
        + state.padded(to: 9, alignment: .leading) + finding.text)
  }
}
