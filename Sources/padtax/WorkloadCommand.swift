import ArgumentParser
import Records
import Studies
import Workloads

/// Says what padding batches have, before anything runs.
struct WorkloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workload",
    abstract: "Print the padding of the batches of a job or of a batch file.",
    discussion: """
      A job with axes has batches for each variation; they are printed one after the other, those that
      are the same once.

      Examples:
        padtax workload jobs/study.yaml
        padtax workload jobs/study.yaml --variation 3 --export batches.json
      """)

  @Argument(help: "Job file (.yaml) or batch file (.json).") var file: String
  @Option(help: "Replaces a value of the job file, as in --set workload.longest=64.")
  var set: [String] = []
  @Option(help: "Slots that each row reserves, for W and row waste (the batch's longest).")
  var reserved: Int?
  @Option(help: "Also write the batches to this file, as a batch file.") var export: String?
  @Option(help: "Of a job with axes only this one, counted from 0.") var variation: Int?

  private struct Loaded {
    var variations: [String]
    var source: String
    var batches: [Batch]
    var kvBytes: Int?
  }

  func run() throws {
    do {
      let all = try load()
      for one in all {
        if !one.variations.isEmpty { Terminal.line(one.variations.joined(separator: "; ")) }
        let summary = try WorkloadSummary(
          one.batches, reserved: reserved, kvBytesPerToken: one.kvBytes)
        for line in summary.lines { Terminal.line(line) }
      }
      guard let export else { return }
      guard let one = all.first, all.count == 1 else {
        throw RecordError(
          "--export: \(file) has \(all.count) different workloads; name one with --variation")
      }
      try AtomicFile.write(
        BatchFile(source: one.source, batches: one.batches).encoded(), to: export)
      Terminal.line("written: \(export)")
    } catch let error as WorkloadError {
      throw RecordError("\(error)")
    }
  }

  private func load() throws -> [Loaded] {
    guard file.hasSuffix(".json") else { return try loadJob() }
    guard variation == nil else {
      throw RecordError("--variation is of jobs with axes; \(file) is a batch file")
    }
    guard set.isEmpty else {
      throw RecordError("--set replaces values of a job; \(file) is a batch file")
    }
    let batches = try BatchFile(contentsOf: file)
    return [Loaded(variations: [], source: batches.source, batches: batches.batches)]
  }

  /// The batches of each variation, those that are the same together.
  private func loadJob() throws -> [Loaded] {
    let axes = try JobFile.axes(path: file, settings: set)
    if let variation, axes.isEmpty || !(0..<axes.count).contains(variation) {
      throw RecordError(
        axes.isEmpty
          ? "--variation \(variation): \(file) has no axes; leave it out"
          : "--variation \(variation) is out of range; \(file) has 0 to \(axes.count - 1)")
    }
    var all: [Loaded] = []
    for index in variation.map({ $0...$0 }) ?? 0...(axes.count - 1) {
      let own = axes.isEmpty ? nil : index
      let job = try JobFile.read(path: file, settings: set, variation: own)
      guard job.serving == nil else {
        throw RecordError(
          "\(file): has requests over time, no batches; their mix is under serving.requests")
      }
      let resolved = try ResolvedJob(
        job, file: file, settings: set, variation: own, layouts: [])
      let kvBytes = resolved.model.kvBytesPerToken(elementBytes: job.numbers.cache.bytes)
      let name = own.map { "variation \($0): \(axes.text($0))" }
      let same = all.firstIndex { $0.batches == resolved.batches && $0.kvBytes == kvBytes }
      if let same {
        if let name { all[same].variations.append(name) }
      } else {
        all.append(
          Loaded(
            variations: name.map { [$0] } ?? [], source: "job \(job.name), seed \(job.seed)",
            batches: resolved.batches, kvBytes: kvBytes))
      }
    }
    return all
  }
}
