import Records
import Units

extension ReportData {
  /// Systems that serve requests over time: what each wastes, how long requests take, and what
  /// throughput costs in latency.
  var servingSection: ReportSection? {
    let tables = ServingTables(summary.serving ?? [])
    guard !tables.isEmpty else { return nil }
    var section = ReportSection(id: "serving", title: "Serving")
    section.lead = """
      <p>The same requests at the same moments under each system: in \
      \(Glossary.link("aggregation", text: "request-level batches")), padded, or iteration by \
      iteration. Latencies count from the intended arrival.</p>
      """
    section.charts = [
      paretoChart(tables.rows), latencyChart(tables.rows),
    ].compactMap { $0 }
    for (title, table) in tables.comparisons {
      section.body += HTML(table, caption: "Systems side by side: \(title)")
    }
    for (title, table) in tables.trades {
      section.body += HTML(table, caption: title.capitalizedFirst)
    }
    section.body += HTML(
      tables.latencies,
      caption:
        "Latencies, throughput and goodput of the requests in the window, medians over repeats"
    )
    return section
  }

  /// Tokens a second per user against tokens a second per rank, a line per layout and system over
  /// loads.
  private func paretoChart(_ rows: [ServingRow]) -> Chart? {
    let points = rows.filter {
      $0["output_tps_per_user"] != nil && $0["output_throughput_per_rank"] != nil
    }
    guard !points.isEmpty else { return nil }
    let systems = Palette(Self.unique(points.map(\.run.system)))
    let values = points.map { row -> [String: VegaLite.Datum] in
      var datum = self.datum(row)
      datum["x"] = .rounded(row["output_tps_per_user"])
      datum["y"] = .rounded(row["output_throughput_per_rank"])
      datum["p"] = .text(row.isOnFront(of: rows) ? "yes" : "no")
      return datum
    }
    var encoding = VegaLite.Encoding(
      x: .quantity("x", "output tokens/s per user", format: "~s"),
      y: .quantity("y", "output tokens/s per rank", format: "~s"))
    encoding.color = .colors("c", "system", systems)
    if Set(points.map(\.layout)).count > 1 {
      encoding.shape = .names("l", "layout", order: Self.unique(points.map(\.layout)))
    }
    encoding.tooltip = [
      .shown("c", "system"), .shown("l", "layout"), .shown("o", "load"),
      .shown("x", "per user", format: ".3~s"), .shown("y", "per rank", format: ".3~s"),
      .shown("p", "on the front"),
    ]
    var mark = VegaLite.Mark("point")
    mark.size = 80
    mark.filled = true
    mark.opacity = 0.9
    let front = points.filter { $0.isOnFront(of: rows) }.map { "\($0.layout) \($0.run.system)" }
    return Chart(
      id: "pareto", title: "Latency against throughput",
      spec: VegaLite(
        values, height: 320, [.init(name: "points", mark: mark, encoding: encoding)]),
      caption: """
        Each point: a system under one load. Right is faster for each user, up is more work per rank; \
        a point is on the \(Glossary.link("pareto", text: "front")) when no other of its layout is \
        both.
        """,
      description: "\(points.count) points, output tokens per second per rank over those per user; "
        + "on the front: \(Self.unique(front).joined(separator: ", ")).",
      table: nil)
  }

  /// Median and tail of the time to the first token.
  private func latencyChart(_ rows: [ServingRow]) -> Chart? {
    let shown = rows.filter { $0["p50_ttft_ms"] != nil }
    guard !shown.isEmpty else { return nil }
    let kinds = Palette(["p50": "#0072B2", "p90": "#E69F00", "p99": "#D55E00"])
    let names = Self.unique(shown.map(name))
    let values = shown.flatMap { row in
      kinds.names.map { kind -> [String: VegaLite.Datum] in
        var datum = self.datum(row)
        datum["b"] = .text(name(row))
        datum["k"] = .text(kind)
        datum["x"] = .rounded(row["\(kind)_ttft_ms"])
        return datum
      }
    }
    var encoding = VegaLite.Encoding(
      x: .quantity("x", "time to first token, ms", format: "~s"),
      y: .names("b", "", order: names))
    encoding.color = .colors("k", "percentile", kinds)
    encoding.tooltip = [
      .shown("b", "system"), .shown("k", "percentile"), .shown("x", "ms", format: ".3~s"),
    ]
    var mark = VegaLite.Mark("point")
    mark.size = 60
    mark.filled = true
    return Chart(
      id: "serving-ttft", title: "Time to first token under load",
      spec: VegaLite(
        values, height: max(120, 22 * names.count),
        [.init(name: "points", mark: mark, encoding: encoding)]),
      caption: """
        \(Glossary.link("serving_latency", text: "TTFT")) of the requests in the window, from their \
        intended arrival, queueing included; percentiles over requests.
        """,
      description: "Median, 90th and 99th percentile of the time to the first token for "
        + "\(names.count) systems and loads.",
      table: nil)
  }

  private func name(_ row: ServingRow) -> String {
    "\(row.layout) · \(row.run.load) · \(row.run.system)"
  }

  private func datum(_ row: ServingRow) -> [String: VegaLite.Datum] {
    ["c": .text(row.run.system), "l": .text(row.layout), "o": .text(row.run.load)]
  }
}
