import ArgumentParser
import Models
import Records
import Reporting
import Studies
import Workloads

/// Turns the published padding study into a job and imported records.
struct ImportStudy: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import-study",
    abstract: "Read the published padding study: its cells as a job, its results as records.",
    discussion: """
      DIR holds benchmark_dataset_<version>/pad*_cov*.json and
      results_<version>/config_{a,b,c}_results.json, as in
      github.com/divide-by-zer0/llm-inference-padding-study. Each version becomes a run directory
      whose job.yaml padtax can run, at real size or with --set model.scale=1/2048, and whose
      records `padtax report` shows beside measured runs.

      Examples:
        padtax import-study llm-inference-padding-study
        padtax import-study llm-inference-padding-study --study v2 --results published
      """)

  @Argument(help: "Folder of the study.") var folder: String
  @Option(help: "Version, such as v2; all that are there when left out.") var study: String?
  @Option(help: "Preset of the model that the study ran.") var model = "qwen2.5-32b"
  @Option(help: "Folder for the run directories.") var results = "results"

  func run() throws {
    do {
      let found = try StudyImport.versions(in: folder)
      if let study, !found.contains(study) {
        throw StudyError(
          "--study \(study): \(folder) has no benchmark_dataset_\(study); found: "
            + found.joined(separator: " "))
      }
      let preset = try ModelConfiguration.preset(model)
      // All are read before anything is written.
      let imports = try (study.map { [$0] } ?? found).map {
        try StudyImport(folder: folder, version: $0, model: preset)
      }
      for study in imports { try write(study) }
    } catch let error as WorkloadError {
      throw RecordError("\(error)")
    } catch let error as ModelError {
      throw RecordError("\(error)")
    }
  }

  private func write(_ study: StudyImport) throws {
    let directory = try RunDirectory.create(
      results: results, job: study.job.name, time: UTCTime.now())
    try study.write(
      to: directory, arguments: CommandLine.arguments, version: padtaxVersion)
    let report = try RunReport(directory)
    try report.write(bundle: ReportFiles.bundle())
    Terminal.line("\(study.version): \(study.count) measurements imported")
    Terminal.line("report   padtax report \(directory.path)")
    Terminal.line("run      padtax run \(directory.job) --set model.scale=1/2048 --layouts tp1")
  }
}
