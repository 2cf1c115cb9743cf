import Records

/// The records of a cell's ranks: their sums, and where they can be read again.
///
/// A run of many ranks has more records than memory has room for; what needs them one by one (a
/// timeline, a comparison) reads them from their files.
public struct RankRecords: Sendable, ExpressibleByArrayLiteral {
  private enum Source: Sendable {
    case memory([RankRecord])
    case files([RankFile])
  }

  /// Records of a cell in a file that may hold other cells' too.
  struct RankFile: Sendable {
    var path: String
    var part = FilePart()
    /// Only records of this cell; nil where all are.
    var cell: String?
  }

  private var source: Source
  private(set) var totals = RankTotals()

  public init(_ records: [RankRecord]) {
    source = .memory(records)
    for record in records { totals.add(record) }
  }

  public init(arrayLiteral elements: RankRecord...) { self.init(elements) }

  /// - Parameter totals: the sums over the files' records.
  init(files: [RankFile], totals: RankTotals) {
    source = .files(files)
    self.totals = totals
  }

  var isEmpty: Bool { totals.present.isEmpty }

  /// The part of one origin's records: only their sums.
  func of(_ origin: Origin) -> RankRecords {
    RankRecords(files: [], totals: totals.of(origin))
  }

  /// The part of some batches: only their sums.
  func of(batches: Set<Int>) -> RankRecords {
    RankRecords(files: [], totals: totals.of(batches: batches))
  }

  /// Every record in order, read from the files once more.
  /// - Throws: `RecordError` with file and line when a file has gone or changed.
  func read(_ body: (RankRecord) -> Void) throws(RecordError) {
    switch source {
    case .memory(let records): for record in records { body(record) }
    case .files(let files):
      for file in files {
        try JSONLines.forEach(path: file.path, part: file.part) { line throws(RecordError) in
          guard let record = try line.record(RankRecord.self) else { return }
          if file.cell == nil || record.cell == file.cell { body(record) }
        }
      }
    }
  }

  /// Every record as a line without checksum: the text of the files where it is padtax's own.
  func writeLines(_ write: ([UInt8]) throws(RecordError) -> Void) throws(RecordError) {
    var bytes: [UInt8] = []
    func append(_ record: RankRecord) throws(RecordError) {
      bytes += try JSONText.line(record).utf8
      bytes.append(UInt8(ascii: "\n"))
    }
    switch source {
    case .memory(let records): for record in records { try append(record) }
    case .files(let files):
      for file in files {
        try JSONLines.forEach(path: file.path, part: file.part) { line throws(RecordError) in
          if !line.copyRankRecord(to: &bytes), let record = try line.record(RankRecord.self) {
            try append(record)
          }
          if bytes.count >= 1 << 20 {
            try write(bytes)
            bytes.removeAll(keepingCapacity: true)
          }
        }
      }
    }
    try write(bytes)
  }
}
