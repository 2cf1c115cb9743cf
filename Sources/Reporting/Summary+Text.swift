import Units

extension Summary {
  /// The summary as a person reads it on a terminal of `width` columns.
  public func text(width: Int = 100) -> String {
    var out = wrapped("\(job), run \(run): \(origin) times, \(clock) clock", width, indent: "")
    if !question.isEmpty { out += wrapped(question, width, indent: "") }
    if let model {
      out += wrapped(
        "model    \(model.name): \(Count(Double(model.parameters))) parameters, \(model.layers) "
          + "layers, hidden \(model.hidden), \(model.queryHeads) query and \(model.kvHeads) KV "
          + "heads; weights \(model.weights)", width, indent: "         ")
    }
    out += wrapped("machine  \(machine)", width, indent: "         ")
    if let pretended { out += wrapped("virtual  \(pretended)", width, indent: "         ") }
    out += warningText(audit, width)
    if serving != nil { out += "\n" + ServingTables(self).text(width: width) }
    if rows.isEmpty {
      if serving == nil { out += "\nNothing was measured.\n" }
      return out + warningText(otherWarnings, width)
    }
    var tables = [
      ("THROUGHPUT", throughputTable), ("PADDING", paddingTable), ("SLOT BUDGET", budgetTable),
      ("WHAT TIMES VARY WITH", variationTable),
      ("TTFT OVER (LONGEST - SHORTEST PROMPT)", fitTable),
      ("COMMUNICATION", operationTable),
      ("TIME IN COMMUNICATION, AND MEMORY", communicationTable),
      ("BUS BANDWIDTH OF COLLECTIVES AGAINST THE NETWORK'S TABLE", bandwidthTable),
    ]
    tables += gridTables.map { ($0.title, $0.table) }
    if !scalingVerdicts.isEmpty {
      tables.append(("PUBLISHED CLAIMS ABOUT SCALING (\(ScalingClaim.source))", scalingTable))
    }
    for (title, table) in tables where !table.columns.isEmpty {
      out += "\n\(title)\n" + table.text(width: width)
    }
    out += trafficText(width)
    for verdict in scalingVerdicts { out += wrapped("  \(verdict)", width, indent: "    ") }
    return out + legend(width) + warningText(otherWarnings, width)
  }

  private var keys: [ColumnTable.Column] { keyColumns(rows.map { RowKey($0) }) }

  /// Layout and policy of each line; run and variation where the summary has several, the
  /// origin of the times where some are not measured.
  func keyColumns(_ lines: [RowKey], hasLayout: Bool = true) -> [ColumnTable.Column] {
    func several(_ value: (SummaryRow) -> String) -> Bool { Set(rows.map(value)).count > 1 }
    let marked = Set(rows.filter(\.isDistrusted).map { RowKey($0) })
    var columns: [ColumnTable.Column] = []
    if several(\.run) { columns.append(.init("run", alignment: .leading, cells: lines.map(\.run))) }
    if several(\.variation) {
      columns.append(.init("variation", alignment: .leading, cells: lines.map(\.variation)))
    }
    if rows.contains(where: { $0.origin != .measured }) {
      columns.append(.init("times", alignment: .leading, cells: lines.map(\.origin)))
    }
    if hasLayout {
      columns.append(
        .init(
          "layout", alignment: .leading,
          cells: lines.map { $0.layout + (marked.contains($0) ? "*" : "") }))
    }
    return columns + [.init("policy", alignment: .leading, cells: lines.map(\.policy))]
  }

  private func column(
    _ title: String, _ unit: String, _ metric: SummaryMetric, _ format: (Double) -> String
  ) -> ColumnTable.Column {
    .init(
      title, unit: unit, cells: rows.map { $0[metric].map(format) ?? ColumnTable.blank },
      definition: metric.rawValue)
  }

  private func interval(
    _ unit: String, _ lower: SummaryMetric, _ upper: SummaryMetric, _ format: (Double) -> String
  ) -> ColumnTable.Column {
    .init(
      "95 %", unit: unit,
      cells: rows.map { row in
        guard let low = row[lower], let high = row[upper] else { return ColumnTable.blank }
        return "[\(format(low)), \(format(high))]"
      })
  }

  var throughputTable: ColumnTable {
    let milliseconds = { (value: Double) in (value * 1e3).significant(4) }
    let rate = { (value: Double) in Count(value).description }
    return ColumnTable(
      keys: keys,
      columns: [
        .init("ranks", cells: rows.map { $0.ranks > 0 ? "\($0.ranks)" : ColumnTable.blank }),
        .init("n", cells: rows.map { "\($0.executions)" }),
        column("TTFT", "ms", .batchTTFT, milliseconds),
        interval("ms", .batchTTFTLower, .batchTTFTUpper, milliseconds),
        column("prefill", "eff tok/s", .prefillEffective, rate),
        column("prefill", "raw tok/s", .prefillRaw, rate),
        column("decode", "tok/s", .decode, rate),
        column("TPOT", "ms", .tpot) { $0.significant(3) },
        column("TPRIT", "ms", .tprit) { $0.significant(3) },
        column("mean NLL", "nats", .meanNLL) { $0.fixed(4) },
        column("MFU", "%", .mfu, Self.percent),
      ])
  }

  var paddingTable: ColumnTable {
    ColumnTable(
      keys: keys,
      columns: [
        column("p", "%", .padRatio, Self.percent),
        column("tax TTFT", "%", .taxTTFT, Self.percent),
        interval("%", .taxTTFTLower, .taxTTFTUpper, Self.percent),
        column("tax total", "%", .taxTotal, Self.percent),
        interval("%", .taxTotalLower, .taxTotalUpper, Self.percent),
        column("ideal", "gain", .idealPackingSpeedup) { $0.fixed(2) },
        column("effi-", "ciency", .packingEfficiency) { $0.fixed(2) },
        column("W", "%", .kvWaste, Self.percent),
      ])
  }

  var communicationTable: ColumnTable {
    let bytes = { (value: Double) in Bytes(Int(value)).description }
    return ColumnTable(
      keys: keys,
      columns: [
        column("comm.", "% of time", .communicationShare, Self.percent),
        column("idle", "% of time", .idleShare, Self.percent),
        column("sent", "per batch", .sentBytes, bytes),
        column("padding", "of it", .paddedSentBytes, bytes),
        column("padding", "% of comm.", .paddedCommunicationShare, Self.percent),
        column("KV", "per rank", .kvReserved, bytes),
        column("weights", "per rank", .weights, bytes),
        column("peak memory", "per rank", .peakMemory, bytes),
      ])
  }

  /// Bytes and time by operation: one row per layout, policy and operation.
  var operationTable: ColumnTable {
    let lines = rows.flatMap { row in (row.communication ?? []).map { (row, $0) } }
    func column(
      _ title: String, _ unit: String, _ value: (OperationShare) -> String
    ) -> ColumnTable.Column {
      .init(title, unit: unit, cells: lines.map { value($0.1) })
    }
    return ColumnTable(
      keys: [
        .init("layout", alignment: .leading, cells: lines.map(\.0.layout)),
        .init("policy", alignment: .leading, cells: lines.map(\.0.policy)),
        .init(
          "operation", alignment: .leading,
          cells: lines.map { "\($0.1.communicator) \($0.1.operation)" }),
      ],
      columns: [
        column("calls", "per batch") { $0.calls.fixed(0) },
        column("bytes", "per batch") { Bytes(Int($0.bytes)).description },
        column("padding", "of it") { Bytes(Int($0.paddedBytes)).description },
        column("padding", "%") { Self.percent($0.paddedBytes / max($0.bytes, 1)) },
        column("time", "ms") { ($0.communicationSeconds * 1e3).significant(3) },
        column("for padding", "ms") { ($0.paddedSeconds * 1e3).significant(3) },
      ])
  }

  /// Whether the ranks' traffic was the model's.
  private func trafficText(_ width: Int) -> String {
    let compared = rows.filter { $0.trafficEqual != nil }
    guard !compared.isEmpty else { return "" }
    let wrong = compared.filter { $0.trafficEqual == false }
    let text =
      wrong.isEmpty
      ? "PASS: every operation of every rank is the predicted one (count, shape, bytes, order), in "
        + "\(compared.count) of \(compared.count) layouts and policies"
      : "FAIL: not the predicted operations: "
        + wrong.map { "\($0.layout) \($0.policy)" }.joined(separator: ", ")
    return "\n" + wrapped("traffic  " + text, width, indent: "         ")
  }

  static func percent(_ fraction: Double) -> String { (fraction * 100).fixed(1) }

  private func legend(_ width: Int) -> String {
    var lines = [
      "TTFT: start of a batch until each of its sequences has its first token; median of n "
        + "executions (batches times repeats, warm-up left out), bootstrap interval of the median.",
      "eff counts real tokens only, raw counts padded slots too; TPRIT: TTFT per real input token; "
        + "MFU: FLOPs on real tokens against the ranks' measured peak.",
      "p: share of the prefill's slots that hold no token.",
      "tax: extra time against packed, the same batches on the same ranks, pair by pair.",
      "ideal gain: prefill FLOPs of the padded batch over those of its real tokens; efficiency: "
        + "part of that gain which packing reached. A policy of one rectangle (fixed, right-pad, "
        + "left-pad) above \(Self.efficiencyLimit.fixed(2)) is suspicious; others run steps of "
        + "other shapes, which cost time of their own.",
      "slot budget: GFLOP, bytes sent, KV bytes and time that slots of a cause took; time is the "
        + "phases' time shared out by FLOPs. Bars: # useful, l length, f fixed, b bucket, w waiting, "
        + "d done, g graph.",
      "W: share of the reserved KV slots that never hold a token.",
      "communication: per batch over all ranks; time: in which an operation's data can have moved; "
        + "for padding: that time shared out by bytes of slots without a token.",
      "busbw: S/time of a call times nccl-tests' factor, waiting left out; table: what the network's "
        + "table says at that size.",
      "comm., idle: parts of the ranks' time in which data moved, or a rank waited for others.",
    ]
    lines += variationLegend
    if rows.contains(where: { $0[.meanNLL] != nil }) {
      lines.append(
        "A score job: TTFT and total are the time of the whole pass, prefill is that pass; mean NLL: "
          + "mean over scored tokens, the same for all policies that cut no prompt.")
    }
    if rows.contains(where: { $0.origin == .virtual }) {
      lines.append(
        "virtual: ranks ran, each timed as if it had a core of its own and messages crossed the "
          + "network named above.")
    }
    if !scalingVerdicts.isEmpty {
      lines.append(
        "Published claims: last layout of the chain over the first; ! where it does not hold.")
    }
    if rows.contains(where: \.isDistrusted) {
      lines.append("* more ranks than cores: times not to be trusted.")
    }
    return "\n" + lines.map { wrapped($0, width, indent: "  ") }.joined()
  }

  private func warningText(_ warnings: [String], _ width: Int) -> String {
    guard !warnings.isEmpty else { return "" }
    return "\n" + warnings.map { wrapped("WARNING  \($0)", width, indent: "         ") }.joined()
  }

  /// The text in lines of at most `width`, cut at spaces; lines after the first are indented.
  private func wrapped(_ text: String, _ width: Int, indent: String) -> String {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ", omittingEmptySubsequences: false) {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = indent + word
      } else {
        line += (line.isEmpty ? "" : " ") + word
      }
    }
    return (lines + [line]).joined(separator: "\n") + "\n"
  }
}
