import ArgumentParser
import FoundationEssentials
import Studies
import Units

/// Says what this machine has of what a run needs.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Say what this machine has of what a run needs, and how to get the rest.")

  @Option(help: "The mpirun to look at.") var mpirun: String?

  func run() throws {
    let doctor = Doctor(
      host: HostFacts.detect(), variables: ProcessInfo.processInfo.environment, mpirun: mpirun)
    for finding in doctor.findings {
      let state = finding.state == .absent ? "-" : finding.state.rawValue
      Terminal.line(
        finding.subject.padded(to: 12, alignment: .leading)
          + state.padded(to: 9, alignment: .leading) + finding.text)
    }
    if !doctor.isHealthy { throw ExitCode.failed }
  }
}
