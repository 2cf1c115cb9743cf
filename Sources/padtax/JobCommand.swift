import ArgumentParser
import Glibc
import Records

/// Writes a job file with every key.
struct JobCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "job", abstract: "Print a job file with every key and what each means.",
    discussion: """
      The job runs as it stands. Keys of which only one can be taken stand as comments.

      Examples:
        padtax job > mine.yaml && padtax run mine.yaml --dry-run
        padtax job --serving > load.yaml
      """)

  @Flag(help: "A job with requests over time instead of batches.") var serving = false

  func run() {
    Terminal.write(JobKey.job(serving: serving), to: STDOUT_FILENO)
  }
}
