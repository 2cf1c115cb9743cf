import Scheduling
import Units

extension ReportData {
  /// Where the slots of a batch went, by cause.
  var budgetSection: ReportSection? {
    let counted = rows.filter { ($0.allSlots ?? 0) > 0 && $0.paddedSlots > 0 }
    guard !counted.isEmpty else { return nil }
    let bars = budgetBars
    var section = ReportSection(id: "budget", title: "Slot budget")
    section.lead = """
      <p>Every \(Glossary.link("slot", text: "slot")) of a batch, prefill and decode, by what it was \
      for. Slots are counted, not timed: they are exact, and the same on every machine.</p>
      """
    section.charts = [
      budgetChart("budget-slots", "Slots of a batch", bars, share: false),
      budgetChart("budget-share", "Shares of a batch's slots", bars, share: true),
    ]
    section.body = """
      <details><summary>Slots, FLOPs, bytes and time by cause</summary>
      \(HTML(
        summary.budgetTable,
        caption: """
          Cost of padding by cause, per batch over all ranks; time is the phases' time shared out by \
          FLOPs, for decode an upper bound
          """))</details>
      """
    return section
  }

  private struct BudgetBar {
    var name: String
    var row: SummaryRow
  }

  /// A bar per policy, or per layout and policy where layouts differ.
  private var budgetBars: [BudgetBar] {
    let counted = rows.filter { ($0.allSlots ?? 0) > 0 }
    var bars: [BudgetBar] = []
    for policy in policies.names {
      let rows = counted.filter { $0.policy == policy }
      let budgets = Set(rows.map { [$0.allSlots ?? 0] + $0.slotsByCause })
      if budgets.count == 1, let row = rows.first {
        bars.append(BudgetBar(name: policy, row: row))
      } else {
        bars += rows.map { BudgetBar(name: series($0), row: $0) }
      }
    }
    return bars.sorted { ($0.row.allSlots ?? 0) < ($1.row.allSlots ?? 0) }
  }

  private func budgetChart(
    _ id: String, _ title: String, _ bars: [BudgetBar], share: Bool
  ) -> Chart {
    let causes = Palette([
      "useful": "#009E73", "length": "#D55E00", "fixed": "#CC79A7", "bucket": "#E69F00",
      "fill": "#56B4E9", "finished": "#999999", "graph": "#0072B2",
    ])
    let parts = bars.flatMap { bar -> [StackedPart] in
      let all = bar.row.allSlots ?? 0
      let slots =
        [("useful", all - bar.row.paddedSlots)]
        + PaddingCause.allCases.map { ($0.rawValue, bar.row.padding[$0.rawValue]?.slots ?? 0) }
      return slots.enumerated().map { index, part in
        var piece = StackedPart(bar: bar.name, part: part.0, value: part.1, order: index)
        piece.more["s"] = .rounded(part.1 / all)
        return piece
      }
    }
    var x = VegaLite.Channel.quantity(
      "x", share ? "share of slots" : "slots per batch", format: share ? ".0%" : "~s")
    x.stack = share ? "normalize" : "zero"
    let worst = bars.max { $0.row.paddedShare < $1.row.paddedShare }
    return Chart(
      id: id, title: title,
      spec: .stackedBars(
        parts.filter { $0.value > 0 }, x: x, kind: "slots for", causes,
        tooltip: [.shown("x", "slots", format: ",.0f"), .shown("s", "share", format: ".1%")]),
      caption: """
        Counted slots, mean over \(Glossary.link("n", text: "n")) executions, by cause \
        (\(Glossary.link("slot_budget", text: "what the causes mean"))). One bar stands for all layouts \
        where they have the same budget.
        """,
      description: "\(title): \(bars.count) bars. The largest padded share is "
        + "\(Summary.percent(worst?.row.paddedShare ?? 0)) %, \(worst?.name ?? "").",
      table: nil)
  }
}

extension SummaryRow {
  fileprivate var slotsByCause: [Double] {
    PaddingCause.allCases.map { padding[$0.rawValue]?.slots ?? 0 }
  }

  fileprivate var paddedShare: Double { paddedSlots / max(allSlots ?? 1, 1) }
}
