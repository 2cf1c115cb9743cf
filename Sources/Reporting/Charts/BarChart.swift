import Units

/// One bar of a chart of bars by layout and policy.
struct Bar: Sendable {
  var row: SummaryRow
  var value: Double
  var lower: Double?
  var upper: Double?
  /// Text at its end.
  var label: String
}

extension ReportData {
  /// Horizontal bars with interval and label: a group per layout and a bar per policy, or the other
  /// way round, so that the fewer names are the ones told by colour.
  func barSpec(_ bars: [Bar], title: String, format: String) -> VegaLite {
    let places = Self.unique(bars.map { place($0.row) })
    let shown = policies.only(bars.map(\.row.policy))
    let byPolicy = shown.names.count <= 6 || shown.names.count <= places.count
    let groups = byPolicy ? places : shown.names
    let colors = byPolicy ? shown : Palette(places)
    let values = bars.map { bar -> [String: VegaLite.Datum] in
      let names = [place(bar.row), bar.row.policy]
      var datum: [String: VegaLite.Datum] = [
        "y": .text(names[byPolicy ? 0 : 1]), "c": .text(names[byPolicy ? 1 : 0]),
        "t": .text(bar.label), "n": .number(Double(bar.row.executions)),
      ]
      datum["x"] = .rounded(bar.value)
      datum["lo"] = .rounded(bar.lower)
      datum["hi"] = .rounded(bar.upper)
      datum["end"] = .rounded(max(bar.upper ?? bar.value, bar.value, 0))
      return datum
    }
    var y = VegaLite.Channel.names("y", "", order: groups)
    y.scale = VegaLite.Scale(paddingInner: 0.25)
    y.axis = VegaLite.Axis(labelLimit: 130)
    let offset = VegaLite.Channel.names("c", "", order: colors.names)
    func x(_ field: String) -> VegaLite.Channel {
      .quantity(field, title, format: format, domain: Self.domain(bars))
    }
    var base = VegaLite.Encoding(x: x("x"), y: y, yOffset: offset)
    base.color = .colors("c", byPolicy ? "policy" : "layout", colors)
    base.tooltip = [
      .shown("y", byPolicy ? "layout" : "policy"), .shown("c", byPolicy ? "policy" : "layout"),
      .shown("t", title), .shown("n", "n"),
    ]
    var bar = VegaLite.Mark("bar")
    bar.cornerRadiusEnd = 2
    var layers = [VegaLite.Layer(name: "bars", mark: bar, encoding: base)]
    if bars.contains(where: { $0.lower != nil }) {
      var rule = VegaLite.Mark("rule")
      rule.strokeWidth = 1.5
      layers.append(
        .init(
          name: "ink", transform: [.init(filter: "isValid(datum.lo)")], mark: rule,
          encoding: .init(x: x("lo"), x2: .end("hi"), y: y, yOffset: offset)))
    }
    var text = VegaLite.Mark("text")
    text.align = "left"
    text.dx = 5
    text.fontSize = 11
    layers.append(
      .init(
        mark: text,
        encoding: .init(
          x: x("end"), y: y, yOffset: offset, text: .init(field: "t", type: "nominal"))))
    let step = colors.names.count > 6 ? 15 : 19
    return VegaLite(values, height: groups.count * (colors.names.count + 1) * step, layers)
  }

  /// From zero or the lowest end to the highest one, with room for the label.
  private static func domain(_ bars: [Bar]) -> [Double] {
    let low = min(0, bars.map { min($0.value, $0.lower ?? $0.value) }.min() ?? 0)
    let high = max(0, bars.map { max($0.value, $0.upper ?? $0.value) }.max() ?? 0)
    let width = high > low ? high - low : 1
    return [low < 0 ? low - 0.03 * width : 0, high + 0.22 * width]
  }

  /// What the bars say, for those who do not see them.
  func barDescription(_ title: String, _ bars: [Bar]) -> String {
    let sorted = bars.sorted { $0.value < $1.value }
    guard let low = sorted.first, let high = sorted.last else { return title }
    guard bars.count > 1 else { return "\(title): \(series(low.row)) \(low.label)." }
    return "\(title): \(bars.count) bars, from \(low.label) (\(series(low.row))) to \(high.label) "
      + "(\(series(high.row))). The numbers are in the table of this section."
  }
}

extension Palette {
  /// The part of the palette that a chart shows.
  func only(_ shown: [String]) -> Palette {
    var part = self
    let kept = names.indices.filter { shown.contains(names[$0]) }
    part.names = kept.map { names[$0] }
    part.colors = kept.map { colors[$0] }
    return part
  }
}
