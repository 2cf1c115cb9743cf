import Scheduling

extension Summary {
  /// The rows as comma-separated values: a header, then one line per row. A number that does not
  /// exist is an empty field.
  public var csv: String {
    var head = [
      "run", "job", "origin", "model", "cell", "variation", "layout", "policy", "ranks", "verified",
    ]
    head += ["oversubscribed", "executions", "batches", "answers_equal", "traffic_equal"]
    head += SummaryMetric.allCases.map(\.rawValue)
    for cause in PaddingCause.allCases {
      head += ["slots", "flops", "wire_bytes", "kv_bytes", "s"].map { "padding_\(cause)_\($0)" }
    }
    head.append("note")
    var text = Self.line(head)
    for row in rows { text += Self.line(fields(of: row)) }
    return text
  }

  private func fields(of row: SummaryRow) -> [String] {
    var fields = [
      row.run, job, row.origin.rawValue, model?.name ?? "", row.cell, row.variation, row.layout,
      row.policy,
    ]
    fields += ["\(row.ranks)", "\(row.verified)", "\(row.oversubscribed)"]
    fields += ["\(row.executions)", "\(row.batches)"]
    fields.append(row.answersEqual.map { "\($0)" } ?? "")
    fields.append(row.trafficEqual.map { "\($0)" } ?? "")
    for metric in SummaryMetric.allCases {
      fields.append(row[metric].map { "\($0)" } ?? "")
    }
    for cause in PaddingCause.allCases {
      let cost = row.padding[cause.rawValue]
      let values = [cost?.slots, cost?.flops, cost?.wireBytes, cost?.kvBytes, cost?.seconds]
      fields += values.map { $0.map { "\($0)" } ?? "" }
    }
    fields.append(row.note)
    return fields
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
