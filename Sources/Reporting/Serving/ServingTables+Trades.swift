import Records
import Scheduling
import Units

extension ServingTables {
  /// What options of one system win and cost, each with its title: the queue delay, and the prefix
  /// cache. Tables without rows are left out.
  public var trades: [(title: String, table: ColumnTable)] {
    [
      ("queue delay: time to the first token against company", delayTable),
      ("prefix cache: time to the first token of shared prompts", reuseTable),
    ].compactMap { title, table in table.map { (title, $0) } }
  }

  /// Rows that differ in one option only, which `plain` takes away from a system.
  private func groups(_ plain: (ServingSystem) -> ServingSystem) -> [[ServingRow]] {
    struct Place: Hashable {
      var cell: String
      var layout: String
      var load: String
      var origin: Origin
      var system: ServingSystem
    }
    var order: [Place] = []
    var groups: [Place: [ServingRow]] = [:]
    for row in rows {
      guard let system = row.system else { continue }
      let place = Place(
        cell: row.run.cell, layout: row.run.layout, load: row.run.load, origin: row.run.origin,
        system: plain(system))
      if groups[place] == nil { order.append(place) }
      groups[place, default: []].append(row)
    }
    return order.compactMap { groups[$0] }.filter { $0.count > 1 }
  }

  /// Systems that are there with several queue delays: more company for those that wait longer.
  private var delayTable: ColumnTable? {
    let rows = groups { system in
      var system = system
      system.maxQueueDelayMicroseconds = 0
      return system
    }.flatMap { group in
      group.sorted {
        $0.system?.maxQueueDelayMicroseconds ?? 0 < $1.system?.maxQueueDelayMicroseconds ?? 0
      }
    }
    guard !rows.isEmpty else { return nil }
    func figure(_ title: String, _ unit: String, _ name: String) -> ColumnTable.Column {
      .init(title, unit: unit, cells: rows.map { Self.text($0[name]) })
    }
    return ColumnTable(
      keys: Self.places(rows) + [
        .init("system", alignment: .leading, cells: rows.map(\.run.system))
      ],
      columns: [
        .init(
          "delay", unit: "ms",
          cells: rows.map {
            Self.text($0.system.map { Double($0.maxQueueDelayMicroseconds) / 1000 })
          }),
        figure("TTFT p50", "ms", "p50_ttft_ms"), figure("p99", "ms", "p99_ttft_ms"),
        .init(
          "tokens per iteration",
          cells: rows.map { row in
            Self.text(
              row.median { record in
                guard record.iterations > 0 else { return nil }
                return Double(record.prefillTokens + record.decodeTokens)
                  / Double(record.iterations)
              })
          }),
        figure("requests", "1/s", "request_throughput"),
        figure("output", "tok/s", "output_throughput"),
      ])
  }

  /// Systems that are there with and without prefix cache: the same requests, reused or computed.
  private var reuseTable: ColumnTable? {
    let pairs = groups { system in
      var system = system
      system.prefixCaching = false
      return system
    }.compactMap { group -> (without: ServingRow, with: ServingRow)? in
      guard let without = group.first(where: { $0.system?.prefixCaching == false }),
        let with = group.first(where: { $0.system?.prefixCaching == true }),
        with["p50_shared_ttft_ms"] != nil
      else { return nil }
      return (without, with)
    }
    guard !pairs.isEmpty else { return nil }
    func both(_ title: String, _ name: String) -> [ColumnTable.Column] {
      [
        .init("\(title) without", unit: "ms", cells: pairs.map { Self.text($0.without[name]) }),
        .init("with", unit: "ms", cells: pairs.map { Self.text($0.with[name]) }),
        .init(
          "ratio",
          cells: pairs.map { pair in
            guard let without = pair.without[name], let with = pair.with[name], without > 0 else {
              return ColumnTable.blank
            }
            return (with / without).fixed(2)
          }),
      ]
    }
    let rows = pairs.map(\.with)
    return ColumnTable(
      keys: Self.places(rows) + [
        .init("system", alignment: .leading, cells: rows.map(\.run.system))
      ],
      columns: [
        .init(
          "prompt reused", unit: "%",
          cells: rows.map { row in
            let all = row.sum(\.promptTokens)
            return all > 0
              ? Summary.percent(Double(row.sum(\.reusedTokens)) / Double(all)) : ColumnTable.blank
          })
      ] + both("p50", "p50_shared_ttft_ms") + both("p90", "p90_shared_ttft_ms"))
  }

  private static func text(_ value: Double?) -> String {
    value.map { $0.significant(3) } ?? ColumnTable.blank
  }
}
