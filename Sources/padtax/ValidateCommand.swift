import ArgumentParser
import Records
import Studies

/// Holds what padtax computes against what others have published. One file per check; each gives a
/// `ValidationReport`.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Hold what padtax computes against published figures, row by row.",
    discussion: "Prints one line per figure, then a summary. Exit code 3 when a figure differs.")

  /// Papers that can be checked, by arXiv identifier.
  enum Paper: String, CaseIterable, ExpressibleByArgument {
    case communicationPatterns = "2507.14392"
  }

  @Option(help: "arXiv identifier of the paper whose figures are checked: 2507.14392.")
  var paper: Paper
  @Option(help: "The paper's figures as a file, or other rows of its form; else those built in.")
  var table: String?
  @OptionGroup var messages: MessageOptions
  @Flag(help: "Print the result as JSON.") var json = false

  func run() throws {
    let report =
      switch paper {
      case .communicationPatterns: try communicationPatterns()
      }
    if json {
      Terminal.write(try JSONText.pretty(report), to: 1)
    } else {
      for line in report.text { Terminal.line(line) }
    }
    if !report.passed { throw ExitCode.gateFailed }
  }
}

/// What a check found.
struct ValidationReport: Encodable {
  struct Line: Encodable {
    let passed: Bool
    let text: String
  }

  let schema = "padtax/validation"
  let version = 1
  /// What was checked, and where its figures come from.
  let name: String
  let source: String
  let passed: Bool
  let lines: [Line]
  /// What a reader must know to get the same figures.
  let notes: [String]

  init(name: String, source: String, lines: [Line], notes: [String]) {
    self.name = name
    self.source = source
    self.lines = lines
    self.notes = notes
    passed = lines.allSatisfy(\.passed)
  }

  var text: [String] {
    let good = lines.count { $0.passed }
    return ["\(name), figures of \(source)"] + lines.map(\.text) + notes.map { "note: \($0)" } + [
      "\(passed ? "PASS" : "FAIL"): \(good) of \(lines.count) rows equal"
    ]
  }
}
