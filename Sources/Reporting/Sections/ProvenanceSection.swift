import Records
import Units

extension ReportData {
  /// What ran where, with what.
  var provenanceSection: ReportSection? {
    var section = ReportSection(id: "provenance", title: "Provenance")
    var facts: [(String, String)] = [
      ("run", summary.run), ("job", summary.job), ("times", summary.origin),
      ("clock", summary.clock), ("seed", "\(summary.seed)"), ("machine", summary.machine),
    ]
    if let model = summary.model {
      facts.append(
        (
          "model",
          "\(model.name): \(Count(Double(model.parameters))) parameters, \(model.layers) layers, "
            + "hidden \(model.hidden), \(model.queryHeads) query and \(model.kvHeads) KV heads; weights "
            + model.weights
        ))
    }
    for run in runs {
      guard let record = run.run else { continue }
      facts.append(
        ("\(record.identifier) by", "padtax \(record.padtaxVersion) on \(record.host)"))
      facts.append(
        (
          "\(record.identifier) from",
          "\(record.startUTC) to \(record.endUTC ?? "(no end written)")"
        ))
      facts.append(
        ("\(record.identifier) as", record.arguments.joined(separator: " ")))
    }
    let cells = runs.flatMap(\.cells).compactMap(\.provenance)
    if let commit = cells.compactMap(\.commit).first {
      facts.append(("commit", commit + (cells.contains { $0.dirty == true } ? ", modified" : "")))
    }
    let lines = facts.map { name, text -> HTML in
      "<tr><th scope=\"row\">\(name)</th><td class=\"l\">\(text)</td></tr>\n"
    }
    section.body = """
      <div class="scroll" role="region" tabindex="0" aria-label="The run"><table>
      <caption>The run</caption><tbody>\(lines)</tbody></table></div>
      \(HTML(rankFacts(cells), caption: "Ranks"))
      \(HTML(environment(cells), caption: "Environment variables that matter; secrets are redacted"))
      """
    return section
  }

  private func rankFacts(_ cells: [Provenance]) -> ColumnTable {
    let ranks = cells.flatMap { cell in cell.ranks.map { (cell, $0) } }
    func column(
      _ title: String, _ unit: String = "", side: ColumnAlignment = .leading,
      _ value: (RankFacts) -> String
    ) -> ColumnTable.Column {
      .init(title, unit: unit, alignment: side, cells: ranks.map { value($0.1) })
    }
    return ColumnTable(
      keys: [
        .init("layout", alignment: .leading, cells: ranks.map(\.0.layout)),
        column("rank", side: .trailing) { "\($0.rank)" },
      ],
      columns: [
        column("host") { $0.host }, column("CPU") { $0.cpuModel },
        column("bound to") { $0.binding },
        column("library") { "\($0.backend) \($0.blasCore)" },
        .init(
          "numbers", alignment: .leading,
          cells: ranks.map { "\($0.0.numbers ?? .single)" }),
        column("products") { ($0.notes ?? []).joined(separator: "; ") },
        column("threads", side: .trailing) { "\($0.threads)" },
        column("peak", "GFLOP/s", side: .trailing) { $0.peakGFLOPS.significant(3) },
        column("GEMM", "GFLOP/s", side: .trailing) { $0.gemmGFLOPS.significant(3) },
        column("load", side: .trailing) { $0.loadAverage.fixed(2) },
        .init(
          "MPI", alignment: .leading,
          cells: ranks.map { String($0.0.mpiLibrary.prefix { $0 != "," }) }),
      ])
  }

  private func environment(_ cells: [Provenance]) -> ColumnTable {
    var merged: [String: String] = [:]
    for cell in cells { merged.merge(cell.environment) { old, _ in old } }
    let pairs = merged.sorted { $0.key < $1.key }
    return ColumnTable(
      keys: [.init("variable", alignment: .leading, cells: pairs.map(\.key))],
      columns: [.init("value", alignment: .leading, cells: pairs.map(\.value))])
  }
}
