import ArgumentParser
import Records
import Studies
import Workloads

/// Says what padding batches have, before anything runs.
struct WorkloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workload",
    abstract: "Print the padding of the batches of a job or of a batch file.")

  @Argument(help: "Job file (.yaml) or batch file (.json).") var file: String
  @Option(help: "Replaces a value of the job file, as in --set workload.longest=64.")
  var set: [String] = []
  @Option(help: "Slots that each row reserves, for W and row waste (the batch's longest).")
  var reserved: Int?
  @Option(help: "Also write the batches to this file, as a batch file.") var export: String?

  func run() throws {
    do {
      let (source, batches, kvBytes) = try load()
      let summary = try WorkloadSummary(batches, reserved: reserved, kvBytesPerToken: kvBytes)
      for line in summary.lines { Terminal.line(line) }
      guard let export else { return }
      try AtomicFile.write(BatchFile(source: source, batches: batches).encoded(), to: export)
      Terminal.line("written: \(export)")
    } catch let error as WorkloadError {
      throw RecordError("\(error)")
    }
  }

  private func load() throws -> (source: String, batches: [Batch], kvBytes: Int?) {
    guard file.hasSuffix(".json") else {
      let job = try JobFile.read(path: file, settings: set)
      let resolved = try ResolvedJob(job, file: file, settings: set, layouts: [])
      return (
        "job \(job.name), seed \(job.seed)", resolved.batches,
        resolved.model.kvBytesPerToken(elementBytes: job.numbers.cache.bytes)
      )
    }
    guard set.isEmpty else {
      throw RecordError("--set replaces values of a job; \(file) is a batch file")
    }
    let batches = try BatchFile(contentsOf: file)
    return (batches.source, batches.batches, nil)
  }
}
