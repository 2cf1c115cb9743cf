import Records
import Units

extension ReportData {
  /// What each rank did during a phase: compute, communication, idle.
  var rankTimeSection: ReportSection? {
    let several = rows.filter { Set(ranks($0).map(\.rank)).count > 1 }
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
    var values: [[String: VegaLite.Datum]] = []
    var names: [String] = []
    for row in shown {
      let records = ranks(row)
      for rank in Set(records.map(\.rank)).sorted() {
        let own = records.filter { $0.rank == rank }
        let name = "\(row.policy) · rank \(rank)"
        names.append(name)
        for (phaseIndex, phase) in Self.unique(own.map(\.phase)).sorted(by: >).enumerated() {
          let part = own.filter { $0.phase == phase }
          let times = [
            ("compute", part.reduce(0) { $0 + $1.computeSeconds }),
            ("communication", part.reduce(0) { $0 + $1.communicationSeconds }),
            ("idle", part.reduce(0) { $0 + $1.idleSeconds }),
          ]
          for (index, time) in times.enumerated() {
            var datum: [String: VegaLite.Datum] = [
              "y": .text(name), "c": .text(time.0), "p": .text(phase),
              "o": .number(Double(phaseIndex * 3 + index)),
            ]
            datum["x"] = .rounded(1e3 * time.1 / Double(max(row.executions, 1)))
            values.append(datum)
          }
        }
      }
    }
    var y = VegaLite.Channel.names("y", "", order: names)
    y.axis = VegaLite.Axis(labelLimit: 190)
    var x = VegaLite.Channel.quantity("x", "ms of a batch", format: "~s")
    x.stack = "zero"
    var encoding = VegaLite.Encoding(x: x, y: y)
    encoding.color = .colors("c", "time in", Palette.rankTime)
    encoding.order = VegaLite.Channel(field: "o", type: "quantitative")
    encoding.tooltip = [
      .shown("y", "policy, rank"), .shown("p", "phase"), .shown("c", "time in"),
      .shown("x", "ms", format: ".4~g"),
    ]
    let left = rows.count - shown.count
    return Chart(
      id: id, title: "Time of each rank: \(place)",
      spec: VegaLite(
        values, height: 18 * names.count + 6,
        [.init(name: "bars", mark: .init("bar"), encoding: encoding)]),
      caption: """
        \(provenance(shown, "times")) Mean over executions, prefill first, then decode, each as \
        \(Glossary.link(.computeShare)), \(Glossary.link(.communicationShare)), \
        \(Glossary.link(.idleShare)).\(left > 0 ? " \(left) more policies are not drawn." : "")
        """,
      description: "Compute, communication and idle time of each rank under \(place), "
        + "\(names.count) bars.",
      table: nil)
  }
}
