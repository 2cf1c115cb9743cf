import Records
import Scheduling
import Units

/// One system under one load and layout: its runs together.
struct ServingRow: Sendable {
  var run: ServingRun
  /// Of every repeat.
  var records: [ServingRecord]
  /// What its cell varies of the job; empty where all rows are of one variation.
  var variation = ""

  /// Rows of the records, in the order in which systems and loads first appear.
  /// - Parameter variations: by cell.
  static func rows(
    _ records: [ServingRecord], variations: [String: String] = [:]
  ) -> [ServingRow] {
    var rows: [ServingRow] = []
    for record in records {
      let place = rows.firstIndex {
        $0.run.cell == record.run.cell && $0.run.layout == record.run.layout
          && $0.run.system == record.run.system && $0.run.load == record.run.load
          && $0.run.origin == record.run.origin
      }
      if let place {
        rows[place].records.append(record)
      } else {
        rows.append(
          ServingRow(
            run: record.run, records: [record], variation: variations[record.run.cell] ?? ""))
      }
    }
    if Set(rows.map(\.variation)).count == 1 {
      for index in rows.indices { rows[index].variation = "" }
    }
    return rows
  }

  var system: ServingSystem? { try? ServingSystem(parsing: run.system) }
  var isDistrusted: Bool { run.oversubscribed && run.origin == .measured }
  var layout: String { run.layout + (isDistrusted ? "*" : "") }
  /// The load; of one in multiples also what it came to.
  var load: String {
    guard records.first?.calibration != nil, let rate = median(\.offeredRate) else {
      return run.load
    }
    return "\(run.load) = \(rate.significant(3))/s"
  }
  /// Layout with its variation.
  var place: String { variation.isEmpty ? layout : "\(layout) \(variation)" }

  /// Median over repeats; nil where no repeat has the figure.
  func median(_ value: (ServingRecord) -> Double?) -> Double? {
    let values = records.compactMap(value).sorted()
    guard !values.isEmpty else { return nil }
    let middle = values.count / 2
    return values.count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2
  }

  /// A figure under its vLLM name.
  subscript(_ metric: String) -> Double? { median { $0.metrics[metric] } }

  func sum(_ value: (ServingRecord) -> Int) -> Int { records.reduce(0) { $0 + value($1) } }

  var graphSlots: Int { sum { $0.graphSlots ?? 0 } }

  /// True where no row of the same layout and origin has both more tokens per user and more per
  /// rank.
  func isOnFront(of rows: [ServingRow]) -> Bool {
    guard let user = self["output_tps_per_user"], let rank = self["output_throughput_per_rank"]
    else { return false }
    return !rows.contains { other in
      guard other.place == place, other.run.origin == run.origin,
        let theirUser = other["output_tps_per_user"],
        let theirRank = other["output_throughput_per_rank"]
      else { return false }
      return theirUser >= user && theirRank >= rank && (theirUser > user || theirRank > rank)
    }
  }
}
