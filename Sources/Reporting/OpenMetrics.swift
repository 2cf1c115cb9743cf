/// Metrics as the OpenMetrics text format 1.0 has them, for scrapers and pushers.
///
/// Families are all gauges: a run is a state, nothing counts on.
public struct OpenMetrics: Sendable, Hashable {
  public struct Family: Sendable, Hashable {
    public var name: String
    /// Base unit, which the name must end in; empty for none.
    public var unit: String
    public var help: String
    public var samples: [(labels: [(String, String)], value: Double)]

    public init(
      name: String, unit: String, help: String,
      samples: [(labels: [(String, String)], value: Double)]
    ) {
      self.name = name
      self.unit = unit
      self.help = help
      self.samples = samples
    }

    public static func == (a: Self, b: Self) -> Bool { a.name == b.name && a.text == b.text }
    public func hash(into hasher: inout Hasher) { hasher.combine(text) }

    var text: String {
      var out = "# TYPE \(name) gauge\n"
      if !unit.isEmpty { out += "# UNIT \(name) \(unit)\n" }
      out += "# HELP \(name) \(OpenMetrics.escaped(help))\n"
      for sample in samples {
        let labels = sample.labels.map { "\($0)=\"\(OpenMetrics.escaped($1))\"" }
        out += name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}")
        out += " \(OpenMetrics.number(sample.value))\n"
      }
      return out
    }
  }

  public var families: [Family]

  public init(families: [Family]) { self.families = families }

  /// The whole exposition, ending in `# EOF`.
  public var text: String { families.map(\.text).joined() + "# EOF\n" }

  /// Backslash, line feed and quote escaped, as the specification's ABNF asks for.
  static func escaped(_ text: String) -> String {
    var out = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\"": out += "\\\""
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }

  static func number(_ value: Double) -> String {
    value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : "\(value)"
  }
}

extension OpenMetrics {
  /// Every number of a summary: a family per metric, a sample per row.
  public init(_ summary: Summary) {
    func labels(_ row: SummaryRow) -> [(String, String)] {
      [
        ("run", row.run), ("cell", row.cell), ("layout", row.layout), ("policy", row.policy),
        ("origin", row.origin.rawValue), ("variation", row.variation),
      ]
    }
    families = SummaryMetric.allCases.compactMap { metric in
      let rows = summary.rows.filter { $0[metric] != nil }
      guard !rows.isEmpty else { return nil }
      let (name, unit, factor) = Self.name(metric.rawValue)
      return Family(
        name: name, unit: unit, help: "\(metric.rawValue) of docs/METRICS.md",
        samples: rows.map { (labels($0), ($0[metric] ?? .nan) * factor) })
    }
    let served = ServingTables(summary).rows.map { row in
      (
        labels: [
          ("run", summary.run), ("cell", row.run.cell), ("layout", row.run.layout),
          ("system", row.run.system), ("load", row.run.load), ("origin", row.run.origin.rawValue),
          ("variation", summary.servingVariations?[row.run.cell] ?? ""),
        ], values: Dictionary(row.tidyValues.map { ($0.metric, $0.value) }) { first, _ in first }
      )
    }
    families += Set(served.flatMap(\.values.keys)).sorted().map { metric in
      let (name, unit, factor) = Self.name("serving_" + metric)
      return Family(
        name: name, unit: unit, help: "\(metric) of docs/METRICS.md, of requests over time",
        samples: served.compactMap { row in
          row.values[metric].map { (row.labels, $0 * factor) }
        })
    }
    let rows = summary.rows
    guard !rows.isEmpty else { return }
    families.append(
      Family(
        name: "padtax_verified", unit: "", help: "1 where the answers agreed with the reference",
        samples: rows.map { (labels($0), $0.verified ? 1 : 0) }))
    families.append(
      Family(
        name: "padtax_executions", unit: "", help: "executions that count",
        samples: rows.map { (labels($0), Double($0.executions)) }))
  }

  /// Name, base unit, and what a value is multiplied with to be in it. Units come last in a name:
  /// `batch_ttft_s_lower` is `padtax_batch_ttft_lower_seconds`.
  static func name(_ metric: String) -> (name: String, unit: String, factor: Double) {
    let words = metric.split(separator: "_").map(String.init)
    let units: [(word: String, unit: String, factor: Double)] = [
      ("s", "seconds", 1), ("ms", "seconds", 1e-3), ("bytes", "bytes", 1),
      ("j", "joules", 1),
    ]
    for entry in units where words.contains(entry.word) {
      let rest = words.filter { $0 != entry.word }
      return ("padtax_\(rest.joined(separator: "_"))_\(entry.unit)", entry.unit, entry.factor)
    }
    if words.last == "tps" {
      return ("padtax_\(words.dropLast().joined(separator: "_"))_tokens_per_second", "", 1)
    }
    return ("padtax_\(metric)", "", 1)
  }
}
