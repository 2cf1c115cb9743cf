import Records
import Units

extension ReportData {
  /// What each rank did during a phase: compute, communication, idle.
  var rankTimeSection: ReportSection? {
    let several = rows.filter { Set(ranks($0).map(\.key.rank)).count > 1 }
    guard !several.isEmpty else { return nil }
    var section = ReportSection(id: "ranks", title: "Rank by rank")
    section.lead = """
      <p>Mean time of a batch's phases on each rank. Bars of one policy are equally long: what a rank \
      does not compute or move, it waits.</p>
      """
    section.charts = Self.unique(several.map { place($0) }).enumerated().map { index, place in
      rankChart("ranks-\(index + 1)", place, several.filter { self.place($0) == place })
    }
    return section
  }

  private func rankChart(_ id: String, _ place: String, _ rows: [SummaryRow]) -> Chart {
    // A page has room for a few policies of many ranks: packed and the first others.
    let shown = Array(
      (rows.filter { $0.policy == "packed" } + rows.filter { $0.policy != "packed" }).prefix(4))
    let parts = shown.flatMap { row -> [StackedPart] in
      let records = ranks(row)
      let byRank = Dictionary(grouping: records, by: \.key.rank)
      return Set(records.map(\.key.rank)).sorted().flatMap { rank in
        times(of: byRank[rank] ?? [], row, name: "\(row.policy) · rank \(rank)")
      }
    }
    let left = rows.count - shown.count
    return Chart(
      id: id, title: "Time of each rank: \(place)",
      spec: .stackedBars(
        parts, x: .quantity("x", "ms of a batch", format: "~s"), kind: "time in", .rankTime,
        tooltip: [.shown("p", "phase"), .shown("x", "ms", format: ".4~g")]),
      caption: """
        \(provenance(shown, "times")) Mean over executions, prefill first, then decode, each as \
        \(Glossary.link(.computeShare)), \(Glossary.link(.communicationShare)), \
        \(Glossary.link(.idleShare)).\(left > 0 ? " \(left) more policies are not drawn." : "")
        """,
      description: "Compute, communication and idle time of each rank under \(place), "
        + "\(Set(parts.map(\.bar)).count) bars.",
      table: nil)
  }

  /// What one rank did per execution, phase after phase.
  private func times(of records: [RankTotals.Rank], _ row: SummaryRow, name: String)
    -> [StackedPart]
  {
    let kinds: [(String, (RankTotals.Times) -> Double)] = [
      ("compute", \.compute), ("communication", \.communication), ("idle", \.idle),
    ]
    // prefill, then decode
    let phases = Self.unique(records.map(\.key.phase)).sorted(by: >)
    return phases.enumerated().flatMap { phaseIndex, phase in
      let part = records.filter { $0.key.phase == phase }
      return kinds.enumerated().map { index, kind in
        let seconds = part.reduce(0) { $0 + kind.1($1.times) } / Double(max(row.executions, 1))
        return StackedPart(
          bar: name, part: kind.0, value: seconds * 1e3, order: 3 * phaseIndex + index,
          more: ["p": .text(phase)])
      }
    }
  }
}
