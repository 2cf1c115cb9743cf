import Records
import Units

/// What padding costs and what to do about it, in three sentences with numbers and intervals.
///
/// Made of rows of one origin: measured ones, or where there are none virtual, modelled or imported.
struct Answer: Sendable {
  private(set) var sentences: [Prose]
  /// What restricts the sentences.
  private(set) var caveats: [String] = []

  let rows: [SummaryRow]
  let grid: [GridRow]
  let names: RowNames
  /// What the sentences are about where no batch was measured.
  let serving: Serving

  init(_ summary: Summary) {
    let all = summary.rows.filter { $0[.batchTTFT] != nil }
    let origin = Origin.all.first { origin in all.contains { $0.origin == origin } }
    let timed = all.filter { $0.origin == origin }
    rows = timed
    names = RowNames(timed)
    let keys = Set(timed.map { RowKey($0) })
    grid = summary.grid.filter { keys.contains(RowKey($0.row)) }
    serving = Serving(rows.isEmpty ? ServingTables(summary).rows : [])
    sentences = []
    guard !rows.isEmpty else {
      sentences = serving.sentences
      caveats = Self.caveats(summary, serving.origin, isDistrusted: serving.isDistrusted)
      return
    }
    sentences =
      reference.isEmpty
      ? [slotSentence, fastestSentence, missingSentence]
      : [costSentence, comparisonSentence, adviceSentence]
    if timed.count < all.count, let origin {
      caveats.append(
        "The sentences are about the \(origin.rawValue) rows; others are in the tables.")
    }
    caveats += Self.caveats(summary, origin, isDistrusted: rows.contains(where: \.isDistrusted))
  }

  private static func caveats(
    _ summary: Summary, _ origin: Origin?, isDistrusted: Bool
  ) -> [String] {
    var caveats: [String] = []
    if origin == .virtual {
      let pretended = summary.pretended.map { ": \($0)" } ?? ""
      caveats.append("Times are of a virtual clock, not of this machine\(pretended).")
    }
    if isDistrusted {
      caveats.append(
        "Some layouts had more ranks than cores (marked *): their times are not to be trusted.")
    }
    return caveats
  }

  // MARK: With packed

  /// Rows of one padded policy that have a padding tax: the plainest policy that has any, by layout,
  /// the lowest tax first.
  var reference: [SummaryRow] {
    let taxed = rows.filter { $0[.taxTTFT] != nil && $0.isPadded }
    let names = taxed.map(\.policy)
    let policy = ["right-pad", "left-pad"].first(where: names.contains) ?? names.first
    return taxed.filter { $0.policy == policy }.sorted { ($0.tax, $0.layout) < ($1.tax, $1.layout) }
  }

  /// Pairs behind each row: `6`, or `1 to 6`.
  private var pairCounts: String {
    let counts = reference.compactMap { $0[.pairs].map { Int($0) } }
    let low = counts.min() ?? 0
    let high = counts.max() ?? 0
    return low == high ? "\(low)" : "\(low) to \(high)"
  }

  private var costSentence: Prose {
    guard let least = reference.first, let most = reference.last else { return "" }
    let slots = Self.range(reference.compactMap { $0[.padRatio] })
    let end: Prose =
      "\(slots) % of its \("prefill slots hold no token", term: "pad_ratio")"
    if reference.allSatisfy(\.isLostInNoise) {
      return """
        No \("padding tax", term: "padding_tax_ttft") of \(most.policy) can be told from noise: \
        \(most.signedTax) under \(names.place(most)), n = \(pairCounts), although \(end).
        """
    }
    let amount: Prose =
      reference.count == 1
      ? "\(most.signedTax) under \(names.place(most))"
      : "\(least.signedTax) (\(names.place(least))) to \(most.signedTax) (\(names.place(most)))"
    return """
      The \("padding tax", term: "padding_tax_ttft") of \(most.policy), its extra \(timeName) over the \
      same prompts packed, is \(amount), n = \(pairCounts) \("pairs", term: "pairs")\
      \(reference.count == 1 ? "" : " each"); \(end).
      """
  }

  private var comparisonSentence: Prose {
    guard let least = reference.first, let most = reference.last else { return "" }
    if reference.count > 1 {
      let apart = (least[.taxTTFTUpper] ?? .infinity) < (most[.taxTTFTLower] ?? -.infinity)
      let verdict =
        apart
        ? "their intervals do not overlap, so they differ"
        : "their intervals overlap, so this run does not tell them apart"
      return "\(names.place(least)) pays least and \(names.place(most)) most: \(verdict)."
    }
    let others = padded(like: most)
    if others.count > 1, let cheapest = others.first, let dearest = others.last {
      return """
        Of the padded policies under \(names.place(most)), \(cheapest.policy) pays least, \
        \(cheapest.signedTax), and \(dearest.policy) most, \(dearest.signedTax).
        """
    }
    return causeSentence(most)
  }

  /// The cause that most time of padding went to.
  private func causeSentence(_ row: SummaryRow) -> Prose {
    let causes = row.padding.sorted { ($0.value.seconds, $1.key) > ($1.value.seconds, $0.key) }
    guard let cause = causes.first, cause.value.seconds > 0,
      let total = row[.total], total > 0
    else { return "Its records do not say which slots took that time." }
    return """
      Most of it belongs to the cause \("\(cause.key)", term: "slot_budget"): \
      \((cause.value.slots).fixed(0)) slots a batch, whose share of the work by FLOPs is \
      \(Self.percent(cause.value.seconds / total)) % of the total time.
      """
  }

  private var adviceSentence: Prose {
    guard let most = reference.last else { return "" }
    guard reference.contains(where: { ($0[.taxTTFTLower] ?? $0.tax) > 0 }) else {
      return "So nothing here asks for packing: it gains no \(timeName) on these batches."
    }
    let cheapest = padded(like: most).first.flatMap { $0.policy == most.policy ? nil : $0 }
    let gain: Prose =
      if let ideal = most[.idealPackingSpeedup], let speedup = most[.packingSpeedup] {
        """
        Pack: under \(names.place(most)) that is \(speedup.fixed(2)) times as fast as \(most.policy), where \
        \("FLOPs", term: "ideal_packing_speedup") allow \(ideal.fixed(2))
        """
      } else {
        "Pack"
      }
    guard let cheapest else { return "\(gain)." }
    return """
      \(gain); where an engine cannot pack, \(cheapest.policy) is the cheapest padded policy there, \
      \(cheapest.signedTax).
      """
  }

  /// Padded rows of the same run and layout, the lowest tax first.
  private func padded(like row: SummaryRow) -> [SummaryRow] {
    rows.filter { $0.isPadded && $0[.taxTTFT] != nil && names.place($0) == names.place(row) }
      .sorted { ($0.tax, $0.policy) < ($1.tax, $1.policy) }
  }

  // MARK: Without packed

  private var slotSentence: Prose {
    let padded = rows.filter(\.isPadded)
    guard let first = padded.first else {
      return "No policy here pads its prompts, so there is no padding whose cost could be told."
    }
    let slots = Self.range(padded.compactMap { $0[.padRatio] })
    let policies = Set(padded.map(\.policy)).count
    let who = policies == 1 ? "With \(first.policy)" : "With \(policies) padded policies"
    let reason: Prose =
      first.isOurs
      ? "no verified packed run of the same batches is there"
      : "\(first.origin.rawValue) \("times", term: "origin") come without packed runs"
    return """
      \(who), \(slots) % of the \("prefill slots hold no token", term: "pad_ratio"); what that costs in \
      time is not known, because \(reason).
      """
  }

  private var fastestSentence: Prose {
    let sorted = rows.sorted { ($0.ttft, $0.layout, $0.policy) < ($1.ttft, $1.layout, $1.policy) }
    guard let best = sorted.first, let worst = sorted.last else { return "" }
    func named(_ row: SummaryRow) -> String { "\(row.policy) under \(names.place(row))" }
    let wins = winSentence
    if sorted.count == 1 {
      return """
        \(named(best)) has a \("TTFT", term: "batch_ttft_s") of \(best.ttftText), n = \(best.executions).
        """
    }
    return """
      \("TTFT", term: "batch_ttft_s") is shortest with \(named(best)), \(best.ttftText), and longest with \
      \(named(worst)), \(worst.ttftText)\(wins).
      """
  }

  /// In how many cells of the grid which layout wins; empty without a grid of several layouts.
  private var winSentence: Prose {
    let winners = GridWinner.all(grid)
    guard Set(grid.map(\.row.layout)).count > 1, !winners.isEmpty else { return "" }
    var counts: [String: Int] = [:]
    for winner in winners { counts[winner.layout, default: 0] += 1 }
    guard let top = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else { return "" }
    return
      "; \(top.key) is fastest in \(top.value) of \(winners.count) pairs of pad ratio and spread"
  }

  private var missingSentence: Prose {
    rows.first?.isOurs == true
      ? "Run the job again with packed among its policies to know the padding tax."
      : "Run the batches with padtax, packed among the policies, to know the padding tax."
  }

  // MARK: Words

  /// What is measured as time to first token in this kind of job.
  private var timeName: String {
    rows.contains { $0[.meanNLL] != nil } ? "time of a scoring pass" : "time to first token"
  }

  private static func percent(_ share: Double) -> String { (share * 100).fixed(0) }

  private static func range(_ shares: [Double]) -> String {
    guard let low = shares.min(), let high = shares.max() else { return "an unknown part in" }
    return percent(low) == percent(high) ? percent(low) : "\(percent(low)) to \(percent(high))"
  }
}
