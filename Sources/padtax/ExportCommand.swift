import ArgumentParser
import FoundationEssentials
import Records
import Reporting
import Serving
import Studies

/// Writes serving runs as other benchmarks do.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write the serving runs of a run directory as vLLM's and AIPerf's JSON.",
    discussion: """
      For each system, load and repeat a folder with what `vllm bench serve --save-result` and AIPerf
      save, for scripts that read those: DIR/<cell>/<system>-<load>-repeat<n>/. Figures are of the
      run's window, as in the report; systems whose answers were not verified are left out.

      Examples:
        padtax export results/padding-tax/RUN
        padtax export results/padding-tax/RUN --format vllm --out for-plots
      """)

  @Argument(help: "Run directory of a job with a section serving.") var directory: String
  @Option(
    help: ArgumentHelp("Folder of the files; export/ in the run directory.", valueName: "dir"))
  var out: String?
  @Option(
    help: ArgumentHelp(
      "vllm, aiperf, or both with a comma between them.", valueName: "names"))
  var format = "vllm,aiperf"

  func run() throws {
    var formats: Set<ServingExport.Format> = []
    for name in format.split(separator: ",") {
      guard let found = ServingExport.Format(rawValue: String(name)) else {
        let valid = ServingExport.Format.allCases.map(\.rawValue).joined(separator: ", ")
        throw StudyError("--format: unknown format '\(name)'; valid choices: \(valid)")
      }
      formats.insert(found)
    }
    let contents = try RunContents(RunDirectory(path: directory))
    let folder = out ?? directory + "/export"
    var files: [(path: String, text: String)] = []
    for cell in contents.cells {
      let start = cell.provenance?.startUTC ?? contents.run?.startUTC ?? ""
      for record in cell.verifiedServing {
        files += try ServingExport.files(
          record, requests: cell.requests, model: cell.provenance?.model.name ?? "unknown",
          start: start, end: contents.run?.endUTC ?? start, formats: formats)
      }
    }
    guard !files.isEmpty else {
      throw StudyError(
        "\(directory): has no verified run of a job with a section serving to export")
    }
    for (path, text) in files {
      let path = "\(folder)/\(path)"
      try AtomicFile.createFolder(String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]))
      try AtomicFile.write(text + "\n", to: path)
    }
    Terminal.line("\(files.count) files in \(folder)")
  }
}
