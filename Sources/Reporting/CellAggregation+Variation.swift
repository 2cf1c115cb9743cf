import Glibc
import Records
import Statistics
import Units

extension CellAggregation {
  /// Values of executions by their batch: repeats of a batch are not independent of each other.
  static func byBatch<Element>(
    _ elements: [Element], _ batch: (Element) -> Int, _ value: (Element) -> Double
  ) -> [[Double]] {
    Dictionary(grouping: elements, by: batch).sorted { $0.key < $1.key }.map { $0.value.map(value) }
  }

  /// What the times vary with, and how many executions lie apart from the others of their batch.
  func fillVariation(_ row: inout SummaryRow, _ records: [BatchRecord]) {
    let timed = records.filter { $0.batchTTFTSeconds > 0 && $0.totalSeconds > 0 }
    let logarithms = { (path: KeyPath<BatchRecord, Double>) in
      Self.byBatch(timed, \.batch) { log($0[keyPath: path]) }
    }
    func components(_ path: KeyPath<BatchRecord, Double>) -> VarianceComponents? {
      (try? ClusteredSample(logarithms(path))).flatMap(VarianceComponents.init)
    }
    if let parts = components(\.batchTTFTSeconds) {
      row[.ttftInputEffect] = parts.between.squareRoot()
      row[.ttftNoise] = parts.within.squareRoot()
    }
    if let parts = components(\.totalSeconds) {
      row[.totalInputEffect] = parts.between.squareRoot()
      row[.totalNoise] = parts.within.squareRoot()
    }
    let marked = [\BatchRecord.batchTTFTSeconds, \.totalSeconds].compactMap { path in
      Self.outliers(timed, path)
    }
    if !marked.isEmpty { row[.outliers] = Double(marked.reduce(Set()) { $0.union($1) }.count) }
  }

  /// Positions of executions whose time is far from the median of their batch's repeats, in units
  /// of all batches' deviations; nil for too few to tell.
  ///
  /// Logarithms are compared. Of a batch with an odd number of repeats, the one in the middle has no
  /// deviation and is left out, so that it does not make the others look large.
  private static func outliers(
    _ records: [BatchRecord], _ path: KeyPath<BatchRecord, Double>
  ) -> Set<Int>? {
    var deviations: [(position: Int, value: Double)] = []
    for group in Dictionary(grouping: records.indices, by: { records[$0].batch }).values
    where group.count >= 3 {
      let times = group.map { ($0, log(records[$0][keyPath: path])) }.sorted { $0.1 < $1.1 }
      guard let median = try? Sample(times.map(\.1)).median else { continue }
      let middle = group.count % 2 == 1 ? times[group.count / 2].0 : nil
      deviations += times.filter { $0.0 != middle }.map { ($0.0, $0.1 - median) }
    }
    deviations.sort { $0.position < $1.position }
    guard let sample = try? Sample(deviations.map(\.value)),
      sample.count >= Sample.fewestForOutliers
    else { return nil }
    return Set(sample.outliers().map { deviations[$0].position })
  }
}

extension Summary {
  /// Batches against repeats: how much of a time's spread is the input's.
  var variationTable: ColumnTable {
    let lines = rows.filter { $0[.ttftNoise] != nil || $0[.totalNoise] != nil }
    func column(_ title: String, _ unit: String, _ metric: SummaryMetric) -> ColumnTable.Column {
      .init(
        title, unit: unit, cells: lines.map { $0[metric].map(Self.percent) ?? ColumnTable.blank })
    }
    return ColumnTable(
      keys: keyColumns(lines.map { RowKey($0) }),
      columns: [
        column("TTFT: input", "+- %", .ttftInputEffect), column("noise", "+- %", .ttftNoise),
        column("total: input", "+- %", .totalInputEffect), column("noise", "+- %", .totalNoise),
        .init(
          "outliers", unit: "of n",
          cells: lines.map { row in
            row[.outliers].map { "\($0.fixed(0)) of \(row.executions)" } ?? ColumnTable.blank
          }),
      ])
  }

  var variationLegend: [String] {
    rows.contains { $0[.ttftNoise] != nil }
      ? [
        "input, noise: standard deviation between the batches' true times and between repeats of one "
          + "batch; outliers are marked and counted, none is left out."
      ] : []
  }
}
