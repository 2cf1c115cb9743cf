import ArgumentParser
import Records
import Studies

/// Holds what padtax computes against what others have published. One file per check; each gives a
/// `ValidationReport`.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate",
    abstract: "Hold what padtax computes against published figures, row by row.",
    discussion: """
      Prints one line per figure, then mean, median, 90th percentile and signed bias of the errors.
      Exit code 3 when a stated tolerance is broken, 2 when a row cannot be judged.

      Examples:
        padtax validate --paper 2507.14392
      """)

  /// Papers that can be checked, by arXiv identifier.
  enum Paper: String, CaseIterable, ExpressibleByArgument {
    case communicationPatterns = "2507.14392"
    case parallelism = "2603.05692"
  }

  @Option(
    help: "arXiv identifier of the paper whose figures are checked: 2507.14392 or 2603.05692.")
  var paper: Paper?
  @Option(help: "The paper's figures as a file, or other rows of its form; else those built in.")
  var table: String?
  @Option(
    help: ArgumentHelp("Predict the published padding study in this folder.", valueName: "dir"))
  var study: String?
  @Option(
    help: ArgumentHelp(
      "Predict these closed loops of a serving engine on --hardware: rows as in "
        + "qwen3-32b_h100_sglang.csv.", valueName: "file"))
  var serving: String?
  @Option(
    help: "With --serving: the network, instead of the device's own as engines use it.")
  var network: String?
  @Option(
    name: .customLong("calibrate-on"),
    help: ArgumentHelp(
      "What the engine is fitted on. Of a study: decode, half (of its cells), or another study's folder. "
        + "Of --serving: another table; half of the rows when left out.",
      valueName: "decode|half|path"))
  var calibrateOn: String?
  @OptionGroup var kernelOptions: KernelOptions
  @OptionGroup var messages: MessageOptions
  @Flag(help: "Print the result as JSON.") var json = false

  func validate() throws {
    let kernels = kernelOptions.kernels
    let named = [paper != nil, study != nil, kernels != nil, serving != nil]
    guard named.count(where: { $0 }) == 1 else {
      throw ValidationError("name one of --paper, --study, --kernels and --serving")
    }
    guard (kernels == nil && serving == nil) == (kernelOptions.hardware == nil) else {
      throw ValidationError("--kernels DIR, or --serving FILE, and --hardware NAME belong together")
    }
    if table != nil, paper == nil { throw ValidationError("--table belongs to --paper") }
    if calibrateOn != nil, study == nil, serving == nil {
      throw ValidationError("--calibrate-on belongs to --study and --serving")
    }
    if network != nil, serving == nil {
      throw ValidationError("--network belongs to --serving")
    }
  }

  func run() throws {
    let report =
      switch paper {
      case .communicationPatterns: try communicationPatterns()
      case .parallelism: try parallelism()
      case nil:
        try study != nil ? paddingStudy() : serving != nil ? servingTable() : kernelTables()
      }
    if json {
      Terminal.write(try JSONText.pretty(report), to: 1)
    } else {
      for line in report.text { Terminal.line(line) }
    }
    if !report.problems.isEmpty { throw ExitCode.badInput }
    if !report.passed { throw ExitCode.gateFailed }
  }
}
