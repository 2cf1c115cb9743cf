import Scheduling
import Workloads

extension Summary {
  /// The summary in tidy form: a header, then one line per cell and metric. A cell is a row, or a row
  /// for one pad ratio and spread (the `target` columns); what has no value has no line. A row without
  /// any number has one line with an empty metric and the reason as its note.
  public var csv: String {
    let head =
      Self.keyNames + ["target_pad_ratio", "target_measure", "target_spread"]
      + ["metric", "value", "lower", "upper", "note"]
    var text = Self.line(head)
    for row in rows { text += lines(row, target: nil) }
    for entry in grid { text += lines(entry.row, target: entry.target) }
    for row in ServingTables(self).rows { text += lines(row) }
    return text
  }

  private static let keyNames = [
    "run", "job", "origin", "model", "cell", "variation", "layout", "policy", "load", "ranks",
    "verified",
    "oversubscribed", "answers_equal", "traffic_equal", "executions", "batches",
  ]

  private func lines(_ row: SummaryRow, target: PaddingPair?) -> String {
    var keys = [row.run, job, row.origin.rawValue, model?.name ?? "", row.cell]
    keys += [row.variation, row.layout, row.policy, ""]
    keys += ["\(row.ranks)", "\(row.verified)", "\(row.oversubscribed)"]
    keys += [row.answersEqual, row.trafficEqual].map { $0.map { "\($0)" } ?? "" }
    keys += ["\(row.executions)", "\(row.batches)"]
    keys +=
      target.map {
        ["\($0.padRatio)", $0.spread.measure.rawValue, "\($0.spread.value)"]
      } ?? ["", "", ""]
    let values = row.tidyValues
    guard !values.isEmpty else { return Self.line(keys + ["", "", "", "", row.note]) }
    return values.map { entry in
      Self.line(
        keys + [entry.metric, "\(entry.value)"]
          + [entry.lower, entry.upper].map { $0.map { "\($0)" } ?? "" } + [row.note])
    }.joined()
  }

  /// A system under a load: medians over its repeats, its requests as executions.
  private func lines(_ row: ServingRow) -> String {
    let run = row.run
    var keys = [self.run, job, run.origin.rawValue, model?.name ?? "", run.cell]
    keys += [servingVariations?[run.cell] ?? "", run.layout, run.system, run.load]
    keys += ["\(row.records.first?.ranks ?? 0)", "true", "\(run.oversubscribed)", "", ""]
    keys += ["\(row.sum(\.windowRequests))", "\(row.records.count)", "", "", ""]
    return row.tidyValues.map { metric, value in
      Self.line(keys + [metric, "\(value)", "", "", ""])
    }.joined()
  }

  private static func line(_ fields: [String]) -> String {
    fields.map(field).joined(separator: ",") + "\n"
  }

  /// A field, quoted where RFC 4180 asks for it.
  static func field(_ text: String) -> String {
    guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
    return "\""
      + text.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }
}

extension ServingRow {
  /// Every figure with its name, in their order.
  var tidyValues: [(metric: String, value: Double)] {
    let names = Set(records.flatMap(\.metrics.keys)).sorted()
    var values = names.compactMap { name in self[name].map { (name, $0) } }
    if let waste = median(\.memoryWaste) { values.append(("kv_waste", waste)) }
    if let empty = emptySlotsPerToken { values.append(("empty_slots_per_token", empty)) }
    return values
  }
}

extension SummaryRow {
  /// Every number of the row with its name, the ends of an interval beside its median.
  var tidyValues: [(metric: String, value: Double, lower: Double?, upper: Double?)] {
    var values: [(metric: String, value: Double, lower: Double?, upper: Double?)] = []
    let names = Set(metrics.keys)
    for metric in SummaryMetric.allCases.map(\.rawValue) {
      guard let value = metrics[metric] else { continue }
      let isEnd = ["_lower", "_upper"].contains {
        metric.hasSuffix($0) && names.contains(String(metric.dropLast($0.count)))
      }
      if isEnd { continue }
      values.append((metric, value, metrics[metric + "_lower"], metrics[metric + "_upper"]))
    }
    for cause in PaddingCause.allCases {
      guard let cost = padding[cause.rawValue] else { continue }
      let parts = [
        ("slots", cost.slots), ("flops", cost.flops), ("wire_bytes", cost.wireBytes),
        ("kv_bytes", cost.kvBytes), ("s", cost.seconds),
      ]
      values += parts.map { ("padding_\(cause.rawValue)_\($0.0)", $0.1, nil, nil) }
    }
    if let fit {
      values.append(("fit_s_per_token", fit.secondsPerToken, nil, nil))
      values.append(("fit_intercept_s", fit.intercept, nil, nil))
      values.append(("fit_r_squared", fit.rSquared, nil, nil))
    }
    return values
  }
}
