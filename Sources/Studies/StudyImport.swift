import Communication
import Costs
import FoundationEssentials
import Models
import Records
import Scheduling
import Workloads

/// The published padding study as a run directory: its cells as a job that padtax can run, its
/// measurements as `imported` records.
///
/// The study's engine prefills all rows to the shortest prompt at once and then feeds one position
/// per step: padtax's `megatron-iterative`. Slots, FLOPs and bytes of its records are counted from
/// that policy's plans on the study's own lengths; only times are imported.
public struct StudyImport: Sendable {
  /// `benchmark_dataset_<version>` and `results_<version>` of one folder.
  public let version: String
  public let model: ModelConfiguration
  let datasetPath: String
  let cells: StudyFolder
  let results: StudyResults

  static let policy = Policy.megatronIterative

  /// Versions that a folder holds, such as `v2`, in order.
  /// - Throws: when there is none.
  public static func versions(in folder: String) throws -> [String] {
    let prefix = "benchmark_dataset_"
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
      throw StudyError("cannot read the folder \(folder)")
    }
    let versions = names.filter { $0.hasPrefix(prefix) }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
    guard !versions.isEmpty else {
      throw StudyError(
        "\(folder) holds no benchmark_dataset_… folder; the study's repository has "
          + "benchmark_dataset_v2 beside results_v2")
    }
    return versions
  }

  /// Reads one version of the study.
  public init(folder: String, version: String, model: ModelConfiguration) throws {
    self.version = version
    self.model = model
    datasetPath = "\(folder)/benchmark_dataset_\(version)"
    cells = try StudyFolder(datasetPath)
    results = try StudyResults(folder: "\(folder)/results_\(version)")
  }

  /// Measurements that were imported.
  public var count: Int { results.results.count }

  /// The study as a job: real size, its layouts, its engine's policy beside padtax's.
  public var job: JobSpecification {
    JobSpecification(
      name: "padding-study-\(version)",
      question: "What did the published padding study measure, and what does packing save there?",
      model: ModelSource(kind: .preset, value: model.name, scale: nil),
      layouts: layouts, policies: [Self.policy, .rightPad, .packed],
      workload: WorkloadSource(
        kind: .study, value: datasetPath, batchSize: nil, batchCount: nil, longest: nil, first: 2),
      outputTokens: results.results.map(\.decodeTokens).max(), microBatches: 1, warmup: 0,
      repeats: 1, seed: 1, backend: BackendChoice(), verification: VerificationChoice())
  }

  private var layouts: [ParallelLayout] {
    StudyConfiguration.allCases.compactMap { try? ParallelLayout(parsing: $0.layout) }
  }

  /// Writes the run directory: job, run record, and one finished cell per layout.
  public func write(to directory: RunDirectory, arguments: [String], version: String) throws {
    try AtomicFile.createFolder(directory.cellsFolder)
    try AtomicFile.write(job.rebased(to: directory.path).yaml, to: directory.job)
    let now = UTCTime.now().iso8601
    try AtomicFile.write(
      JSONText.pretty(
        RunRecord(
          identifier: directory.identifier, job: job.name, arguments: arguments,
          padtaxVersion: version, host: "4 x A100 40 GB, as the study says", seed: job.seed,
          clock: "wall", startUTC: now, endUTC: now, cells: layouts.map(\.description))),
      to: directory.run)
    for configuration in StudyConfiguration.allCases {
      let layout = try ParallelLayout(parsing: configuration.layout)
      let cell = directory.cell("\(layout)")
      try AtomicFile.createFolder(cell.path)
      let file = try JSONLinesWriter(path: cell.batches)
      for record in try records(configuration, layout) { try file.append(record) }
      try cell.enter(.done)
    }
  }

  /// One record per measurement of a configuration.
  func records(
    _ configuration: StudyConfiguration, _ layout: ParallelLayout
  ) throws -> [BatchRecord] {
    var records: [BatchRecord] = []
    for (index, (label, cell)) in cells.cells.enumerated() {
      for result in results.results(of: label, configuration) {
        guard let batch = cell.batches.first(where: { $0.batch.id == result.batchID }) else {
          throw StudyError(
            "\(configuration.fileName) has batch \(result.batchID) of \(label), which "
              + "\(datasetPath)/\(label).json does not")
        }
        records.append(
          try record(
            result, batch: batch.batch, cell: index, layout: layout, order: records.count))
      }
    }
    return records
  }

  private func record(
    _ result: StudyResult, batch: Batch, cell: Int, layout: ParallelLayout, order: Int
  ) throws -> BatchRecord {
    guard batch.realTokens == result.realTokens, batch.count == result.prompts else {
      throw StudyError(
        "\(result.cell), batch \(batch.id): \(batch.count) prompts of \(batch.realTokens) tokens, "
          + "but its result has \(result.prompts) of \(result.realTokens)")
    }
    var numbered = try Batch(
      id: StudyFolder.batchID(cell: cell, batch: batch.id), lengths: batch.lengths)
    numbered.target = batch.target
    let plan = try BatchPlan(
      policy: Self.policy, promptLengths: batch.lengths,
      outputLengths: batch.lengths.map { _ in result.decodeTokens }, microBatches: 1)
    return BatchRecord(
      cell: "\(layout)", policy: Self.policy, origin: .imported,
      traffic: try TrafficModel(model: model, layout: layout, activations: .bfloat16),
      batch: numbered, plans: [plan], turn: (0, false, order), microBatches: 1,
      batchTTFTSeconds: result.batchTTFT,
      totalSeconds: result.batchTTFT + result.generationTime, tokenDigest: "")
  }
}
