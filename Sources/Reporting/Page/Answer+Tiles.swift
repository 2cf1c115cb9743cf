import Units

extension Answer {
  /// A number that the eye finds first.
  struct Tile: Sendable, Hashable {
    var value: String
    var name: String
    /// Key of the glossary.
    var term: String
    /// Under which layout and policy.
    var condition: String
  }

  /// At most four numbers: the plainest policy's padding tax, its empty slots, what packing reached, the best
  /// time.
  var tiles: [Tile] {
    guard !rows.isEmpty else { return serving.tiles }
    var tiles: [Tile] = []
    let padded = rows.filter { $0.isPadded }
    let dearest = reference.last
    if let row = dearest {
      tiles.append(
        Tile(
          value: String(row.signedTax.prefix { $0 != "[" }), name: "padding tax",
          term: SummaryMetric.taxTTFT.rawValue, condition: "\(row.policy), \(names.place(row))"))
    }
    if let row = dearest ?? padded.first, let ratio = row[.padRatio] {
      tiles.append(
        Tile(
          value: "\((ratio * 100).fixed(0)) %", name: "prefill slots without a token",
          term: SummaryMetric.padRatio.rawValue, condition: row.policy))
    }
    if let row = dearest, let speedup = row[.packingSpeedup], let ideal = row[.idealPackingSpeedup]
    {
      tiles.append(
        Tile(
          value: "\(speedup.fixed(2))×", name: "packing speed-up",
          term: SummaryMetric.packingSpeedup.rawValue,
          condition: "of \(ideal.fixed(2))× that FLOPs allow"))
    }
    if let best = rows.min(by: { ($0[.batchTTFT] ?? 0) < ($1[.batchTTFT] ?? 0) }),
      let seconds = best[.batchTTFT]
    {
      tiles.append(
        Tile(
          value: Quantity.milliseconds(seconds), name: "shortest TTFT",
          term: SummaryMetric.batchTTFT.rawValue, condition: "\(best.policy), \(names.place(best))")
      )
    }
    return tiles
  }

  private enum Quantity {
    static func milliseconds(_ seconds: Double) -> String {
      seconds < 10 ? "\((seconds * 1e3).significant(3)) ms" : "\(seconds.significant(3)) s"
    }
  }
}
