import FoundationEssentials

/// The cells of a folder such as the study's `benchmark_dataset_v2`.
public struct StudyFolder: Sendable {
  /// In order of padding and spread.
  public let cells: [(label: StudyCellLabel, cell: StudyCell)]

  /// Reads every `padPP_covCC.json`; other files are passed over.
  /// - Throws: when there is none, or one cannot be read.
  public init(_ folder: String) throws(WorkloadError) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var cells: [(StudyCellLabel, StudyCell)] = []
    let labels = names.compactMap { name in
      name.hasSuffix(".json") ? StudyCellLabel(name.dropLast(5)) : nil
    }
    for label in labels.sorted() {
      cells.append((label, try StudyCell(contentsOf: "\(folder)/\(label).json")))
    }
    guard !cells.isEmpty else {
      throw WorkloadError("\(folder) has no files named like pad20_cov15.json")
    }
    self.cells = cells
  }

  /// Batch `batch` of the cell at `index`, as padtax numbers it: cells follow each other in steps of
  /// 1000.
  public static func batchID(cell index: Int, batch: Int) -> Int { 1000 * index + batch }

  /// Batches `first` and following of every cell, at most `count` of each, renumbered.
  public func batches(first: Int, count: Int?) throws(WorkloadError) -> [Batch] {
    var batches: [Batch] = []
    for (index, (label, cell)) in cells.enumerated() {
      let rest = cell.batches.dropFirst(first)
      guard !rest.isEmpty, rest.count >= count ?? 1 else {
        throw WorkloadError(
          "\(label) has \(cell.batches.count) batches; asked for are "
            + "\(count.map(String.init) ?? "all") from number \(first) on")
      }
      for entry in rest.prefix(count ?? .max) {
        let id = Self.batchID(cell: index, batch: entry.batch.id)
        var batch = try Batch(id: id, lengths: entry.batch.lengths)
        batch.target = entry.batch.target
        batches.append(batch)
      }
    }
    return batches
  }
}
