/// A piece of a horizontal bar whose pieces add up.
struct StackedPart: Sendable {
  var bar: String
  /// What the piece is; decides its colour.
  var part: String
  var value: Double
  /// Place in the bar, from the left.
  var order: Int
  /// More fields, for tooltips.
  var more: [String: VegaLite.Datum] = [:]
}

extension VegaLite {
  /// Stacked horizontal bars. Fields: `y` the bar, `c` the part, `x` the value.
  /// - Parameters:
  ///   - x: axis of the values, on field `x`.
  ///   - kind: title of the colours.
  ///   - tooltip: after the bar and the part.
  static func stackedBars(
    _ parts: [StackedPart], x: Channel, kind: String, _ palette: Palette, tooltip: [Channel]
  ) -> VegaLite {
    let values = parts.filter { $0.value > 0 }.map { part -> [String: Datum] in
      var datum = part.more
      datum["y"] = .text(part.bar)
      datum["c"] = .text(part.part)
      datum["o"] = .number(Double(part.order))
      datum["x"] = .rounded(part.value)
      return datum
    }
    let bars = ReportData.unique(parts.map(\.bar))
    var y = Channel.names("y", "", order: bars)
    y.axis = Axis(labelLimit: 190)
    var x = x
    x.stack = x.stack ?? "zero"
    var encoding = Encoding(x: x, y: y)
    encoding.color = .colors("c", kind, palette.only(parts.map(\.part)))
    encoding.order = Channel(field: "o", type: "quantitative")
    encoding.tooltip = [.shown("y", "bar"), .shown("c", kind)] + tooltip
    return VegaLite(
      values, height: 20 * bars.count + 6,
      [Layer(name: "bars", mark: Mark("bar"), encoding: encoding)])
  }
}
