import Records

/// Reads a run directory and writes its aggregates into it.
public struct RunReport: Sendable {
  public let directory: RunDirectory
  public let contents: RunContents
  public let summary: Summary

  /// Reads and aggregates; writes nothing.
  public init(_ directory: RunDirectory) throws {
    self.directory = directory
    contents = try RunContents(directory)
    summary = Summary(contents)
  }

  /// Writes `records.jsonl`, `summary.csv`, `summary.json` and `report.html`, each whole or not at
  /// all.
  /// - Parameter bundle: what draws the charts of the page; without it the page has its tables.
  public func write(bundle: VegaBundle? = nil) throws(RecordError) {
    try AtomicFile.write(recordLines(), to: directory.records)
    try AtomicFile.write(summary.csv, to: directory.summaryCSV)
    try AtomicFile.write(JSONText.pretty(summary), to: directory.summaryJSON)
    try AtomicFile.write(
      HTMLReport(summary, runs: [contents]).page(bundle: bundle), to: directory.reportHTML)
  }

  /// All records of the run, cell by cell: provenance, verifications, batches, ranks' phases,
  /// traffic checks, serving runs with their requests and iterations.
  func recordLines() throws(RecordError) -> [UInt8] {
    var bytes: [UInt8] = []
    func append(_ record: some Record) throws(RecordError) {
      bytes += try JSONText.line(record).utf8
      bytes.append(UInt8(ascii: "\n"))
    }
    for cell in contents.cells {
      if let provenance = cell.provenance { try append(provenance) }
      for record in cell.verifications { try append(record) }
      for record in cell.batches { try append(record) }
      for record in cell.ranks { try append(record) }
      for record in cell.trafficChecks { try append(record) }
      for record in cell.serving { try append(record) }
      for record in cell.requests { try append(record) }
      for record in cell.iterations { try append(record) }
    }
    return bytes
  }
}
