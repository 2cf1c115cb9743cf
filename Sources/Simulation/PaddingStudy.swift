import Hardware
import Models
import Workloads

/// The published padding study's measurements beside the batches that they are of.
///
/// Qwen2.5-32B in bf16 on four A100-40GB, Megatron's static engine; the reader of its files is
/// `Workloads.StudyFolder`.
public struct PaddingStudy: Sendable {
  /// One timed batch.
  public struct Measurement: Sendable {
    public let configuration: StudyConfiguration
    public let cell: StudyCellLabel
    public let batch: Int
    /// Prompt tokens, in the study's order.
    public let lengths: [Int]
    public let generate: Int
    public let batchTTFT: Double
    /// From the first token to the last.
    public let generationTime: Double

    public var span: Int { (lengths.max() ?? 0) - (lengths.min() ?? 0) }
  }

  public let name: String
  public let measurements: [Measurement]

  /// Reads `benchmark_dataset_<version>` and `results_<version>` of a folder.
  /// - Throws: `SimulationError` where a result has no batch, or another one than it says.
  public init(folder: String, version: String) throws(SimulationError) {
    let (cells, results) = try SimulationError.wrap(.data) {
      (
        try StudyFolder("\(folder)/benchmark_dataset_\(version)"),
        try StudyResults(folder: "\(folder)/results_\(version)")
      )
    }
    name = "\(folder), \(version)"
    var measurements: [Measurement] = []
    for result in results.results {
      let place =
        "\(folder): \(result.configuration.rawValue), \(result.cell), batch \(result.batchID)"
      guard let cell = cells.cells.first(where: { $0.label == result.cell })?.cell,
        let batch = cell.batches.first(where: { $0.batch.id == result.batchID })?.batch
      else { throw SimulationError(.data, "\(place): the dataset has no such batch") }
      guard batch.count == result.prompts, batch.realTokens == result.realTokens else {
        throw SimulationError(
          .data,
          "\(place): the dataset has \(batch.count) prompts of \(batch.realTokens) tokens, its result "
            + "\(result.prompts) of \(result.realTokens)")
      }
      guard result.decodeTokens >= 2, result.generationTime > 0 else {
        throw SimulationError(
          .data,
          "\(place): \(result.decodeTokens) generated tokens in \(result.generationTime) s; a decode "
            + "throughput needs 2 and some time")
      }
      measurements.append(
        Measurement(
          configuration: result.configuration, cell: result.cell, batch: result.batchID,
          lengths: batch.lengths, generate: result.decodeTokens, batchTTFT: result.batchTTFT,
          generationTime: result.generationTime))
    }
    self.measurements = measurements
  }

  init(name: String, measurements: [Measurement]) {
    self.name = name
    self.measurements = measurements
  }

  public var cells: [StudyCellLabel] { Set(measurements.map(\.cell)).sorted() }

  public func measurements(of configuration: StudyConfiguration) -> [Measurement] {
    measurements.filter { $0.configuration == configuration }
  }

  /// How far a TTFT is off its own repetition: the mean over batches of |generation time − the cell's
  /// mean| · √(n/(n − 1)) as a share of the TTFT. Generation is the whole run's time less the TTFT and does
  /// the same work in every batch of a cell, so that what a TTFT has too much is missing there. No
  /// prediction can be closer than this on average.
  public func repeatability(of configuration: StudyConfiguration) -> Double {
    var shares: [Double] = []
    for cell in cells {
      let own = measurements.filter { $0.configuration == configuration && $0.cell == cell }
      guard own.count > 1 else { continue }
      let count = Double(own.count)
      let mean = own.reduce(0) { $0 + $1.generationTime } / count
      let correction = (count / (count - 1)).squareRoot()
      shares += own.map { abs($0.generationTime - mean) * correction / $0.batchTTFT }
    }
    return shares.isEmpty ? 0 : shares.reduce(0, +) / Double(shares.count)
  }
}
