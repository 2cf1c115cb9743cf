import Units

extension RunComparison {
  /// What came out, in one sentence.
  public var verdict: String {
    if isRefused { return "REFUSED: the runs' times cannot be compared" }
    var parts = ["\(exactValues) counts, bytes, slots and tokens compared"]
    parts.append(differences.isEmpty ? "all equal" : "\(differences.count) differ")
    if comparesTimes {
      let slower = rows.count { $0.verdict == .slower }
      parts.append("\(rows.count) times tested, \(slower) slower than allowed")
    }
    return (passed ? "PASS: " : "FAIL: ") + parts.joined(separator: ", ")
  }

  private static func percent(_ fraction: Double) -> String {
    (fraction > 0 ? "+" : "") + (fraction * 100).fixed(1)
  }

  private static func interval(_ row: ComparedRow) -> String {
    guard let lower = row.lower, let upper = row.upper else { return ColumnTable.blank }
    return "[\(percent(lower)), \(percent(upper))]"
  }

  /// What the tests promise.
  public static var promise: String {
    "change: median over pairs (batch, repeat) of how much slower the new run is, with its 95 % interval\n"
      + "p: chance of so large a change in any row when nothing has changed (sign flips, largest of all)\n"
      + "The gate fails where a change exceeds what is allowed with p <= \(falseAlarms): without a\n"
      + "change, in at most \((falseAlarms * 100).fixed(0)) % of comparisons."
  }

  public func text(width: Int = 100) -> String {
    var out = "\(base) (base) against \(new)\n"
    if !rows.isEmpty {
      func column(_ title: String, _ unit: String, _ value: (ComparedRow) -> String)
        -> ColumnTable.Column
      { .init(title, unit: unit, cells: rows.map(value)) }
      func name(_ title: String, _ value: (ComparedRow) -> String) -> ColumnTable.Column {
        .init(title, alignment: .leading, cells: rows.map(value))
      }
      var keys = [name("layout", \.layout), name("policy", \.policy)]
      if Set(rows.map(\.variation)).count > 1 { keys.insert(name("variation", \.variation), at: 0) }
      let table = ColumnTable(
        keys: keys + [name("metric", \.metric.rawValue)],
        columns: [
          .init("verdict", alignment: .leading, cells: rows.map(\.verdict.rawValue)),
          column("base", "") { $0.base.significant(3) },
          column("new", "") { $0.new.significant(3) },
          column("change", "%") { Self.percent($0.change) },
          column("95 %", "%", Self.interval), column("n", "") { "\($0.pairs)" },
          column("p", "") { min($0.pSlower, $0.pFaster).fixed(3) },
        ])
      out += "\n" + table.text(width: width) + "\n"
      let allowed = ComparisonMetric.allCases.compactMap { metric in
        rows.first { $0.metric == metric }.map {
          "\(metric.rawValue) \(($0.threshold * 100).significant(2)) %"
        }
      }
      out += "allowed: \(allowed.joined(separator: ", "))\n\(Self.promise)\n"
    }
    for difference in differences.prefix(40) { out += "DIFFERS  \(difference)\n" }
    if differences.count > 40 { out += "DIFFERS  … \(differences.count - 40) more\n" }
    for refusal in refusals where comparesTimes {
      out += (allowsDifferent ? "NOTE     " : "REFUSED  ") + refusal + "\n"
    }
    for note in notes { out += "NOTE     \(note)\n" }
    return out + "\n" + verdict + "\n"
  }

  public var markdown: String {
    func cell(_ text: String) -> String {
      String(text.flatMap { $0 == "|" ? "\\|" : $0 == "\n" ? " " : "\($0)" })
    }
    var out = "### padtax compare: \(cell(base)) → \(cell(new))\n\n**\(cell(verdict))**\n"
    if !rows.isEmpty {
      out += "\n| layout | policy | metric | base | new | change | 95 % | n | p | verdict |\n"
      out += "|---|---|---|--:|--:|--:|--:|--:|--:|---|\n"
      for row in rows {
        let fields = [
          row.variation.isEmpty ? row.layout : "\(row.layout), \(row.variation)", row.policy,
          row.metric.rawValue, row.base.significant(4), row.new.significant(4),
          Self.percent(row.change) + " %", Self.interval(row), "\(row.pairs)",
          min(row.pSlower, row.pFaster).fixed(3), row.verdict.rawValue,
        ]
        out += "| " + fields.map(cell).joined(separator: " | ") + " |\n"
      }
      out += "\n\(Self.promise)\n"
    }
    let remarks =
      differences.map { "differs: \($0)" } + (comparesTimes ? refusals : []) + notes
    if !remarks.isEmpty { out += "\n" + remarks.map { "- \(cell($0))\n" }.joined() }
    return out
  }

  public var junit: JUnitReport {
    var cases = [
      JUnitReport.Case(
        group: "padtax.exact", name: "counts, bytes, slots and tokens",
        failure: differences.isEmpty ? nil : differences.joined(separator: "\n"),
        output: "\(exactValues) values compared")
    ]
    if isRefused {
      cases.append(
        .init(
          group: "padtax.times", name: "provenance", failure: refusals.joined(separator: "\n")))
    }
    cases += rows.map { row in
      let change =
        "\(Self.percent(row.change)) % \(Self.interval(row)), n = \(row.pairs), "
        + "p = \(row.pSlower.fixed(3)), allowed \((row.threshold * 100).fixed(1)) %"
      return .init(
        group: "padtax.times.\(row.cell)", name: "\(row.policy) \(row.metric.rawValue)",
        failure: row.verdict == .slower ? "slower: \(change)" : nil,
        skipped: row.verdict == .tooFew ? "too few pairs: \(change)" : nil, output: change)
    }
    return JUnitReport(name: "padtax compare \(base) \(new)", cases: cases)
  }
}
