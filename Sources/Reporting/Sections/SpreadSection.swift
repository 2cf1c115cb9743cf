import Records
import Units

extension ReportData {
  /// TTFT of each execution over the difference of the longest and shortest prompt.
  var spreadSection: ReportSection? {
    let fitted = rows.filter { $0.fit != nil && !batches($0).isEmpty }
    guard !fitted.isEmpty else { return nil }
    var section = ReportSection(id: "spread", title: "TTFT against the spread of prompts")
    section.lead = """
      <p>An engine that fills rows position by position takes a step for each token between the shortest \
      and the longest prompt: its TTFT is a line over that difference. Others depend on it only through \
      their padding.</p>
      """
    section.charts = Self.unique(fitted.map { place($0) }).enumerated().map { index, place in
      spreadChart("spread-\(index + 1)", place, fitted.filter { self.place($0) == place })
    }
    section.body = HTML(summary.fitTable, caption: "Lines through the points")
    return section
  }

  /// Points of one policy that a chart shows; with more, every k-th is shown.
  static let pointLimit = 150

  private func spreadChart(_ id: String, _ place: String, _ rows: [SummaryRow]) -> Chart {
    var points: [[String: VegaLite.Datum]] = []
    var lines: [[String: VegaLite.Datum]] = []
    var isThinned = false
    for row in rows {
      let records = batches(row)
      let spans = records.map { Double($0.longestPrompt - $0.shortestPrompt) }
      let step = (records.count + Self.pointLimit - 1) / Self.pointLimit
      isThinned = isThinned || step > 1
      for index in stride(from: 0, to: records.count, by: max(step, 1)) {
        var datum: [String: VegaLite.Datum] = ["c": .text(row.policy)]
        datum["x"] = .number(spans[index])
        datum["y"] = .rounded(records[index].batchTTFTSeconds * 1e3)
        datum["b"] = .number(Double(records[index].batch))
        points.append(datum)
      }
      guard let fit = row.fit, let low = spans.min(), let high = spans.max() else { continue }
      for span in [low, high] {
        var datum: [String: VegaLite.Datum] = ["c": .text(row.policy), "x": .number(span)]
        datum["y"] = .rounded((fit.intercept + fit.secondsPerToken * span) * 1e3)
        lines.append(datum)
      }
    }
    let x = VegaLite.Channel.quantity("x", "longest − shortest prompt, tokens", zero: false)
    let y = VegaLite.Channel.quantity("y", "TTFT, ms", format: "~s", zero: true)
    var encoding = VegaLite.Encoding(x: x, y: y)
    encoding.color = .colors("c", "policy", policies.only(rows.map(\.policy)))
    var pointEncoding = encoding
    pointEncoding.tooltip = [
      .shown("c", "policy"), .shown("b", "batch"), .shown("x", "longest − shortest"),
      .shown("y", "TTFT, ms", format: ".4~g"),
    ]
    var point = VegaLite.Mark("point")
    point.filled = true
    point.size = 32
    point.opacity = 0.6
    var line = VegaLite.Mark("line")
    line.strokeWidth = 2
    let slopes = rows.compactMap { row in
      row.fit.map {
        "\(row.policy) \(($0.secondsPerToken * 1e3).significant(3)) ms per token, R² "
          + $0.rSquared.fixed(2)
      }
    }
    return Chart(
      id: id, title: "TTFT over the spread of prompts: \(place)",
      spec: VegaLite(
        points, height: 260,
        [
          .init(mark: point, encoding: pointEncoding),
          .init(data: VegaLite.Values(values: lines), mark: line, encoding: encoding),
        ]),
      caption: """
        \(provenance(rows, "times")) A point per execution\
        \(isThinned ? " (every k-th, at most \(Self.pointLimit) a policy)" : ""); lines: least-squares \
        \(Glossary.link("fit", text: "fit")) through all of them.
        """,
      description: "TTFT over longest minus shortest prompt, \(place): "
        + slopes.joined(separator: "; ") + ".",
      table: nil)
  }
}
