import ArgumentParser
import Glibc
import Records
import Slurm
import Studies

/// What padding costs when language models are served over MPI.
@main
struct Padtax: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "padtax",
    abstract: "Measures what padding costs when language models are served over MPI.",
    version: padtaxVersion,
    subcommands: [
      Run.self, SimulateCommand.self, MemoryCommand.self, SlurmCommand.self, Verify.self,
      Report.self, ExportCommand.self, CompareCommand.self,
      FindingsCommand.self, WorkloadCommand.self, ImportStudy.self, CommCommand.self,
      AdviseCommand.self,
      NetworksCommand.self, NetbenchCommand.self, HardwareCommand.self, CalibrateCommand.self,
      ValidateCommand.self, DoctorCommand.self, Presets.self,
    ])

  /// Parses and runs. Every failure ends with one of `ExitCode`'s codes; the parser's own 64 for bad
  /// usage becomes 2.
  static func main() {
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as ExitCode {
      leave(error)
    } catch let error as StudyError {
      Terminal.error("padtax: error: \(error)")
      leave(error.exitCode)
    } catch let error as SlurmError {
      Terminal.error("padtax: error: \(error)")
      leave(.badInput)
    } catch let error as RecordError {
      Terminal.error("padtax: error: \(error)")
      leave(.badInput)
    } catch {
      let code = exitCode(for: error)
      if code == .success { exit(withError: error) }
      Terminal.error(fullMessage(for: error))
      leave(code == .validationFailure ? .badInput : .failed)
    }
  }

  private static func leave(_ code: Studies.ExitCode) -> Never {
    Glibc.exit(code.rawValue)
  }
}

extension Studies.ExitCode: Error {}

typealias ExitCode = Studies.ExitCode
