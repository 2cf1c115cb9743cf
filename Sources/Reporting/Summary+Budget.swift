import Scheduling
import Units

/// What padding of one cause cost per batch, over all ranks.
public struct PaddingShare: Codable, Sendable, Hashable {
  public var slots = 0.0
  public var flops = 0.0
  public var wireBytes = 0.0
  public var kvBytes = 0.0
  public var seconds = 0.0

  public init() {}

  enum CodingKeys: String, CodingKey {
    case slots, flops
    case wireBytes = "wire_bytes"
    case kvBytes = "kv_bytes"
    case seconds = "s"
  }
}

extension Summary {
  /// Where the slots of a batch went: one row per layout, policy and cause, and a bar per policy.
  var budgetTable: ColumnTable {
    typealias Line = (row: SummaryRow, name: String, slots: Double, cost: PaddingShare?)
    let lines = rows.flatMap { row -> [Line] in
      guard let all = row.allSlots else { return [] }
      let useful: Line = (row, "useful", all - row.paddedSlots, nil)
      return [useful]
        + PaddingCause.allCases.compactMap { cause in
          row.padding[cause.rawValue].map { (row, cause.rawValue, $0.slots, $0) }
        }
    }
    func cost(
      _ title: String, _ unit: String, _ value: @escaping (PaddingShare) -> String
    ) -> ColumnTable.Column {
      .init(title, unit: unit, cells: lines.map { $0.cost.map(value) ?? ColumnTable.blank })
    }
    return ColumnTable(
      keys: keyColumns(lines.map { RowKey($0.row) }) + [
        .init("slots for", alignment: .leading, cells: lines.map(\.name))
      ],
      columns: [
        .init("slots", unit: "per batch", cells: lines.map { $0.slots.fixed(0) }),
        .init(
          "share", unit: "%",
          cells: lines.map { Self.percent($0.slots / max($0.row.allSlots ?? 1, 1)) }),
        cost("GFLOP", "") { ($0.flops / 1e9).significant(3) },
        cost("sent", "") { Bytes(Int($0.wireBytes)).description },
        cost("KV", "") { Bytes(Int($0.kvBytes)).description },
        cost("time", "ms") { ($0.seconds * 1e3).significant(3) },
        .init(
          "all slots", alignment: .leading,
          cells: lines.map { $0.name == "useful" ? $0.row.slotBar(width: 16) : "" }),
      ])
  }
}

extension SummaryRow {
  /// Prefill and decode slots of a batch.
  var allSlots: Double? {
    guard let prefill = self[.prefillSlots], let decode = self[.decodeSlots] else { return nil }
    return prefill + decode
  }

  var paddedSlots: Double { padding.values.reduce(0) { $0 + $1.slots } }

  /// The slots as a bar: `#` useful, then the first letter of each cause (`w` for rows that wait in
  /// an iterative fill, `d` for those that are done).
  func slotBar(width: Int) -> String {
    guard let all = allSlots, all > 0 else { return "" }
    let letters: [PaddingCause: Character] = [
      .length: "l", .fixed: "f", .bucket: "b", .fill: "w", .finished: "d",
      .graph: "g",
    ]
    var bar = ""
    var sum = all - paddedSlots
    bar += String(repeating: "#", count: Int((sum / all * Double(width)).rounded()))
    for cause in PaddingCause.allCases {
      guard let cost = padding[cause.rawValue], let letter = letters[cause] else { continue }
      sum += cost.slots
      let end = Int((sum / all * Double(width)).rounded())
      bar += String(repeating: letter, count: max(0, end - bar.count))
    }
    return bar
  }
}

/// A line through batch TTFTs: intercept + seconds per token · (longest − shortest prompt).
public struct SpreadFit: Codable, Sendable, Hashable {
  public var secondsPerToken: Double
  public var intercept: Double
  public var rSquared: Double
  /// Executions behind it.
  public var count: Int

  enum CodingKeys: String, CodingKey {
    case secondsPerToken = "s_per_token"
    case intercept = "intercept_s"
    case rSquared = "r_squared"
    case count = "n"
  }
}

extension Summary {
  /// TTFT against the spread of prompt lengths.
  var fitTable: ColumnTable {
    let lines = rows.filter { $0.fit != nil }
    func column(
      _ title: String, _ unit: String, _ value: (SpreadFit) -> String
    ) -> ColumnTable.Column {
      .init(title, unit: unit, cells: lines.map { $0.fit.map(value) ?? ColumnTable.blank })
    }
    return ColumnTable(
      keys: keyColumns(lines.map { RowKey($0) }),
      columns: [
        column("slope", "ms per token") { ($0.secondsPerToken * 1e3).significant(3) },
        column("intercept", "ms") { ($0.intercept * 1e3).significant(4) },
        column("R²", "") { $0.rSquared.fixed(3) },
        column("n", "") { "\($0.count)" },
      ])
  }
}
