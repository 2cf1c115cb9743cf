import ArgumentParser
import Glibc
import Records
import Reporting

/// Holds the claims about padding against a run.
struct FindingsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "findings",
    abstract:
      "Say which claims about padding and parallelism a run supports, refutes or cannot test.",
    discussion: """
      Each claim has its test, an effect with a 95 % interval per layout, and a verdict. Layouts with \
      more ranks than cores are left out: their times are not to be trusted.

      Examples:
        padtax findings results/study/20261121T113000Z
        padtax findings results/study/20261121T113000Z --json
      """)

  @Argument(
    help: "Run directory, such as results/quickstart/20261121T113000Z.", completion: .directory)
  var directory: String
  @Flag(help: "Print the findings as JSON.") var json = false

  func run() throws {
    let findings = Findings(try RunContents(RunDirectory(path: directory)))
    Terminal.write(json ? try JSONText.pretty(findings) : findings.text, to: STDOUT_FILENO)
  }
}
