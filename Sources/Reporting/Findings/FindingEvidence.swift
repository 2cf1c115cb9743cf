import Glibc
import Models
import Records
import Statistics
import Units

/// Executions of a run, paired by batch and repeat, as findings test them.
struct FindingEvidence {
  struct Place: Hashable {
    var batch: Int
    var turn: Int
  }

  /// How many times larger one side is: median over pairs, interval over batches and repeats.
  struct Ratio {
    var median: Double
    var interval: Interval
    var pairs: Int

    /// Whether the interval lies above 1, in the claim's direction; within `band` of 1 there is no
    /// difference to speak of.
    func verdict(band: Double = FindingEvidence.band) -> Finding.Verdict {
      if interval.lower > 1 + band { return .supported }
      if interval.upper < 1 + band { return .refuted }
      return .undecided
    }

    /// `1.23 [1.20, 1.27]`.
    var text: String {
      "\(median.fixed(3)) [\(interval.lower.fixed(3)), \(interval.upper.fixed(3))]"
    }
  }

  /// Ratios closer to 1 than this make no claim true.
  static let band = 0.01
  /// Fewer pairs decide nothing.
  static let fewestPairs = 5

  let cells: [CellContents]
  let seed: UInt64

  /// Cells whose times can be trusted: whole, and with a core for each rank.
  init(_ contents: RunContents) {
    seed = contents.run?.seed ?? 1
    cells = contents.cells.filter { cell in
      // Virtual times do not depend on how many ranks share a core.
      cell.provenance?.virtualTime != nil
        || !(cell.provenance?.oversubscribed ?? false)
          && !cell.batches.contains(where: \.oversubscribed)
    }
  }

  typealias Value = (BatchRecord) -> Double?

  func values(_ cell: CellContents, _ policy: String, _ value: Value) -> [Place: Double] {
    var values: [Place: Double] = [:]
    for record in cell.executions(policy) {
      if let number = value(record), number > 0, number.isFinite {
        values[Place(batch: record.batch, turn: record.repeatIndex)] = number
      }
    }
    return values
  }

  /// Over/under, place by place; nil for too few pairs.
  func ratio(_ over: [Place: Double], _ under: [Place: Double]) -> Ratio? {
    let places = over.keys.filter { under[$0] != nil }
    guard places.count >= Self.fewestPairs else { return nil }
    let batches = Dictionary(grouping: places, by: \.batch).sorted { $0.key < $1.key }
    // In the order of repeats, so that the seeded draws give the same interval each time.
    let clusters = batches.map { entry in
      entry.value.sorted { $0.turn < $1.turn }.map { (over[$0] ?? .nan) / (under[$0] ?? .nan) }
    }
    guard let sample = try? ClusteredSample(clusters) else { return nil }
    return Ratio(
      median: sample.sample.median, interval: sample.bootstrapMedian(seed: seed),
      pairs: places.count)
  }

  func ratio(
    of policy: String, to reference: String, in cell: CellContents, _ value: Value
  ) -> Ratio? {
    ratio(values(cell, policy, value), values(cell, reference, value))
  }

  /// Pairs of cells of one variation and number of ranks: only tensor against only pipeline.
  var tensorAgainstPipeline: [(name: String, tensor: CellContents, pipeline: CellContents)] {
    cells.flatMap { tensor in
      cells.compactMap { pipeline in
        guard let a = tensor.parallelLayout, let b = pipeline.parallelLayout,
          tensor.variation == pipeline.variation, a.data == b.data, a.pipeline == 1, b.tensor == 1,
          a.tensor == b.pipeline, a.tensor > 1
        else { return nil }
        return ("\(a) against \(b)\(tensor.variationSuffix)", tensor, pipeline)
      }
    }
  }

  static func ttft(_ record: BatchRecord) -> Double? { record.batchTTFTSeconds }
}

extension CellContents {
  var parallelLayout: ParallelLayout? { try? ParallelLayout(parsing: layoutName) }

  /// Name of the cell in a sentence, with what it varies of the job.
  var label: String { variation.isEmpty ? name : "\(name) (\(variation))" }

  var variationSuffix: String { variation.isEmpty ? "" : ", \(variation)" }
}
