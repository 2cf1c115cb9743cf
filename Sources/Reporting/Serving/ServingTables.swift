import Records
import Scheduling
import Units

/// What serving runs come to as tables.
public struct ServingTables: Sendable {
  let rows: [ServingRow]

  /// - Parameter variations: what cells vary of their job, by cell.
  public init(_ records: [ServingRecord], variations: [String: String] = [:]) {
    rows = ServingRow.rows(records, variations: variations)
  }

  init(_ summary: Summary) {
    self.init(summary.serving ?? [], variations: summary.servingVariations ?? [:])
  }

  public var isEmpty: Bool { rows.isEmpty }

  /// Latency percentiles, throughput and goodput: one line per layout, load and system.
  public var latencies: ColumnTable {
    func milliseconds(_ title: String, _ unit: String, _ metric: String) -> ColumnTable.Column {
      .init(
        title, unit: unit,
        cells: rows.map { $0[metric].map { $0.significant(3) } ?? ColumnTable.blank },
        definition: "serving_latency")
    }
    func rate(
      _ title: String, _ unit: String, _ metric: String, _ definition: String
    ) -> ColumnTable.Column {
      .init(
        title, unit: unit,
        cells: rows.map { $0[metric].map { $0.significant(3) } ?? ColumnTable.blank },
        definition: definition)
    }
    return ColumnTable(
      keys: keys,
      columns: [
        .init("n", cells: rows.map { "\($0.sum(\.windowRequests))" }),
        milliseconds("TTFT p50", "ms", "p50_ttft_ms"), milliseconds("p90", "ms", "p90_ttft_ms"),
        milliseconds("p99", "ms", "p99_ttft_ms"),
        milliseconds("TPOT p50", "ms", "p50_tpot_ms"), milliseconds("p90", "ms", "p90_tpot_ms"),
        milliseconds("p99", "ms", "p99_tpot_ms"),
        milliseconds("ITL p99", "ms", "p99_itl_ms"),
        milliseconds("E2EL p50", "ms", "p50_e2el_ms"), milliseconds("p99", "ms", "p99_e2el_ms"),
        rate("requests", "1/s", "request_throughput", "serving_throughput"),
        rate("goodput", "1/s", "request_goodput", "goodput"),
        rate("output", "tok/s", "output_throughput", "serving_throughput"),
        rate("per user", "tok/s", "output_tps_per_user", "pareto"),
        rate("per rank", "tok/s", "output_throughput_per_rank", "pareto"),
        .init(
          "Pareto", cells: rows.map { $0.isOnFront(of: rows) ? "front" : "" },
          definition: "pareto"),
      ])
  }

  private var keys: [ColumnTable.Column] { Self.keys(rows) }

  /// What names rows, but for their system.
  static func places(_ rows: [ServingRow]) -> [ColumnTable.Column] {
    var keys: [ColumnTable.Column] = []
    if rows.contains(where: { $0.run.origin != .measured }) {
      keys.append(
        .init("times", alignment: .leading, cells: rows.map(\.run.origin.rawValue)))
    }
    if rows.contains(where: { $0.variation != "" }) {
      keys.append(.init("variation", alignment: .leading, cells: rows.map(\.variation)))
    }
    return keys + [
      .init("layout", alignment: .leading, cells: rows.map(\.layout)),
      .init("load", alignment: .leading, cells: rows.map(\.load)),
    ]
  }

  private static func keys(_ rows: [ServingRow]) -> [ColumnTable.Column] {
    places(rows) + [.init("system", alignment: .leading, cells: rows.map(\.run.system))]
  }

  /// Each comparison with its title: one per layout and load, a column per system.
  public var comparisons: [(title: String, table: ColumnTable)] {
    var titles: [String] = []
    var groups: [[ServingRow]] = []
    for row in rows {
      let title =
        "\(row.place), \(row.load)"
        + (row.run.origin == .measured ? "" : " (\(row.run.origin.rawValue))")
      if let place = titles.firstIndex(of: title) {
        groups[place].append(row)
      } else {
        titles.append(title)
        groups.append([row])
      }
    }
    return zip(titles, groups).map { ($0, Self.comparison($1)) }
  }

  /// What sets systems apart, a line each, for rows of one layout and load.
  static func comparison(_ rows: [ServingRow]) -> ColumnTable {
    var lines: [(String, (ServingRow) -> String)] = [
      ("aggregation", { $0.aggregation }),
      ("memory waste W, %", { $0.median(\.memoryWaste).map(Summary.percent) ?? blank }),
      ("prefill slots padded, %", { padded($0, \.prefillSlots, \.prefillTokens) }),
      ("decode slots padded, %", { padded($0, \.decodeSlots, \.decodeTokens) }),
      (
        "attention cost, pairs / useful",
        { ratio($0.sum(\.pairs), $0.sum(\.usefulPairs))?.fixed(2) ?? blank }
      ),
      ("batch bound", { $0.batchBound }),
      ("sequences at once, most", { "\($0.records.map(\.peakRunning).max() ?? 0)" }),
      ("sequences that memory has room for", { $0.roomForSequences.map { "\($0)" } ?? blank }),
      ("KV topology", { $0.topology }),
      ("preemptions", { "\($0.sum(\.preemptions))" }),
      (
        "prompt tokens reused, %",
        { ratio($0.sum(\.reusedTokens), $0.sum(\.promptTokens)).map(Summary.percent) ?? blank }
      ),
      ("TTFT p50, ms", { $0["p50_ttft_ms"]?.significant(3) ?? blank }),
      ("shared-prompt TTFT p50, ms", { $0["p50_shared_ttft_ms"]?.significant(3) ?? blank }),
      ("TPOT p50, ms", { $0["p50_tpot_ms"]?.significant(3) ?? blank }),
      ("goodput, 1/s", { $0["request_goodput"]?.significant(3) ?? blank }),
      ("output, tokens/s", { $0["output_throughput"]?.significant(3) ?? blank }),
      ("control bytes per iteration", { $0.controlBytesPerIteration?.significant(3) ?? blank }),
    ]
    if rows.contains(where: { $0.graphSlots > 0 }) {
      let share = { (row: ServingRow) in
        ratio(row.graphSlots, row.sum(\.decodeSlots)).map(Summary.percent) ?? blank
      }
      lines.insert(("decode slots for the size of a graph, %", share), at: 4)
    }
    return ColumnTable(
      keys: [.init("", alignment: .leading, cells: lines.map(\.0))],
      columns: rows.map { row in
        .init(row.run.system, cells: lines.map { $0.1(row) })
      })
  }

  private static var blank: String { ColumnTable.blank }

  private static func ratio(_ part: Int, _ whole: Int) -> Double? {
    whole > 0 ? Double(part) / Double(whole) : nil
  }

  private static func padded(
    _ row: ServingRow, _ slots: (ServingRecord) -> Int, _ tokens: (ServingRecord) -> Int
  ) -> String {
    let all = row.sum(slots)
    return ratio(all - row.sum(tokens), all).map(Summary.percent) ?? blank
  }

  /// The tables as a person reads them on a terminal.
  public func text(width: Int) -> String {
    guard !isEmpty else { return "" }
    var out = "SERVING: LATENCY AND THROUGHPUT\n" + latencies.text(width: width)
    for (title, table) in comparisons {
      out += "\nSERVING, SYSTEMS SIDE BY SIDE: \(title)\n" + table.text(width: width)
    }
    for (title, table) in trades { out += "\nSERVING, \(title)\n" + table.text(width: width) }
    return out
  }
}

extension ServingRow {
  /// When requests come together.
  fileprivate var aggregation: String {
    guard let system else { return ColumnTable.blank }
    return system.mode.isRequestLevel ? "request" : "iteration"
  }

  /// How many sequences the pool holds at once: reservations, or requests of mean length that have
  /// all their tokens.
  var roomForSequences: Int? {
    guard let record = records.first else { return nil }
    if let reservations = record.reservations { return reservations }
    return median(\.meanRequestBlocks).flatMap {
      $0 > 0 ? Int(Double(record.blockCount) / $0) : nil
    }
  }

  fileprivate var controlBytesPerIteration: Double? {
    median { record in
      guard let bytes = record.controlBytes, record.iterations > 0 else { return nil }
      return Double(bytes) / Double(record.iterations)
    }
  }

  /// What kept the batch from growing: the setting, or the memory where that is less.
  fileprivate var batchBound: String {
    guard let record = records.first else { return ColumnTable.blank }
    let most = record.maxBatchSize
    if let reservations = record.reservations, reservations < most {
      return "\(reservations) reservations"
    }
    let isShort = records.contains { $0.preemptions > 0 }
    return isShort ? "\(record.blockCount) blocks" : "batch size \(most)"
  }

  fileprivate var topology: String {
    guard let system, let record = records.first else { return ColumnTable.blank }
    if system.isContiguous { return "contiguous" }
    return "pages of \(record.blockSize)" + (system.prefixCaching ? ", shared" : "")
  }
}
