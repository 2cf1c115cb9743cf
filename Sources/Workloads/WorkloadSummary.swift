import Units

/// What is printed about a list of batches: one line of METRICS.md's figures per batch.
public struct WorkloadSummary: Sendable {
  /// One batch's figures.
  public struct Row: Sendable, Hashable {
    public let batch: Int
    /// Rows, B.
    public let rows: Int
    public let longest: Int
    public let shortest: Int
    /// ΣL.
    public let realTokens: Int
    /// B·M − ΣL.
    public let paddedSlots: Int
    /// p, padded to the longest.
    public let padRatio: Double
    public let covLength: Double
    /// nil where nothing is padded.
    public let covPadding: Double?
    /// ΣL².
    public let sumOfSquares: Int
    /// W and the largest row waste, with each row reserving `reserved` slots.
    public let memoryWaste: Double
    public let largestRowWaste: Double
    /// KV bytes of real tokens and of padded slots; nil where no model was given.
    public let realKV: Bytes?
    public let paddedKV: Bytes?
    public let target: PaddingPair?
  }

  public let rows: [Row]
  /// Slots that each row reserves; nil for each batch's own longest.
  public let reserved: Int?

  /// Works out the figures.
  ///
  /// - Parameters:
  ///   - reserved: slots that each row reserves for W and row waste; the batch's longest when nil.
  ///   - kvBytesPerToken: the model's, over all layers; nil leaves the KV columns out.
  /// - Throws: when a batch's longest prompt exceeds `reserved`.
  public init(
    _ batches: [Batch], reserved: Int? = nil, kvBytesPerToken: Int? = nil
  ) throws(WorkloadError) {
    self.reserved = reserved
    var rows: [Row] = []
    for batch in batches {
      let slots = reserved ?? batch.longest
      guard slots >= batch.longest else {
        throw WorkloadError(
          "batch \(batch.id) has a prompt of \(batch.longest) tokens; rows that reserve \(slots) "
            + "cannot hold it")
      }
      rows.append(
        Row(
          batch: batch.id, rows: batch.count, longest: batch.longest, shortest: batch.shortest,
          realTokens: batch.realTokens, paddedSlots: batch.paddedSlots, padRatio: batch.padRatio,
          covLength: batch.covLength, covPadding: batch.covPadding,
          sumOfSquares: batch.sumOfSquares, memoryWaste: batch.memoryWaste(reserved: slots),
          largestRowWaste: batch.rowWaste(reserved: slots).reduce(0, max),
          realKV: kvBytesPerToken.map { Bytes(batch.realTokens * $0) },
          paddedKV: kvBytesPerToken.map { Bytes(batch.paddedSlots * $0) }, target: batch.target))
    }
    self.rows = rows
  }

  /// The table, its title line first: columns are aligned, no line ends in spaces.
  public var lines: [String] {
    let columns = Self.columns.filter { column in
      rows.contains { column.value($0) != nil } || rows.isEmpty
    }
    let cells = rows.map { row in columns.map { $0.value(row) ?? "" } }
    let widths = columns.indices.map { index in
      cells.reduce(columns[index].title.count) { max($0, $1[index].count) }
    }
    return ([columns.map(\.title)] + cells).map { texts in
      zip(texts, widths).map { $0.padded(to: $1) }.joined(separator: "  ")
    }
  }

  private struct Column: Sendable {
    let title: String
    let value: @Sendable (Row) -> String?
  }

  private static let columns = [
    Column(title: "batch") { "\($0.batch)" },
    Column(title: "B") { "\($0.rows)" },
    Column(title: "longest") { $0.longest.grouped },
    Column(title: "shortest") { $0.shortest.grouped },
    Column(title: "real") { $0.realTokens.grouped },
    Column(title: "padded") { $0.paddedSlots.grouped },
    Column(title: "asked p") { $0.target.map { $0.padRatio.fixed(4) } },
    Column(title: "p") { $0.padRatio.fixed(4) },
    Column(title: "asked cov") { $0.target.map { $0.spread.text } },
    Column(title: "cov_len") { $0.covLength.fixed(4) },
    Column(title: "cov_pad") { $0.covPadding?.fixed(4) ?? "-" },
    Column(title: "ΣL²") { $0.sumOfSquares.grouped },
    Column(title: "W") { $0.memoryWaste.fixed(4) },
    Column(title: "row waste ≤") { $0.largestRowWaste.fixed(4) },
    Column(title: "KV real") { $0.realKV.map { "\($0)" } },
    Column(title: "KV padded") { $0.paddedKV.map { "\($0)" } },
  ]
}
