import Records

/// Reads a run directory and writes its aggregates into it.
public struct RunReport: Sendable {
  public let directory: RunDirectory
  public let contents: RunContents
  public let summary: Summary

  /// Reads and aggregates; writes nothing.
  /// - Parameter network: of cells under the wall clock: a name of the catalogue, or a file that
  ///   netbench wrote.
  public init(_ directory: RunDirectory, network: String? = nil) throws {
    self.directory = directory
    var contents = try RunContents(directory)
    contents.network = network
    self.contents = contents
    summary = Summary(contents)
  }

  /// Writes `records.jsonl`, `summary.csv`, `summary.json` and `report.html`, each whole or not at
  /// all. Where `records.jsonl` is all that is left of the run it stays as it is.
  /// - Parameter bundle: what draws the charts of the page; without it the page has its tables.
  public func write(bundle: VegaBundle? = nil) throws(RecordError) {
    if !contents.isGathered { try writeRecords() }
    try AtomicFile.write(summary.csv, to: directory.summaryCSV)
    try AtomicFile.write(JSONText.pretty(summary), to: directory.summaryJSON)
    try AtomicFile.write(
      HTMLReport(summary, runs: [contents]).page(bundle: bundle), to: directory.reportHTML)
  }

  /// All records of the run, cell by cell: provenance, verifications, batches, ranks' phases,
  /// traffic checks, serving runs with their requests and iterations.
  private func writeRecords() throws(RecordError) {
    try AtomicFile.write(to: directory.records) { append throws(RecordError) in
      func write(_ record: some Record) throws(RecordError) {
        try append(Array((JSONText.line(record) + "\n").utf8))
      }
      for cell in contents.cells {
        if let provenance = cell.provenance { try write(provenance) }
        for record in cell.verifications { try write(record) }
        for record in cell.batches { try write(record) }
        try cell.ranks.writeLines(append)
        for record in cell.trafficChecks { try write(record) }
        for record in cell.serving { try write(record) }
        for record in cell.requests { try write(record) }
        for record in cell.iterations { try write(record) }
      }
    }
  }
}
