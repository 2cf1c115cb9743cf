/// A chart in the grammar of Vega-Lite, as far as the report needs it. It is as wide as its container
/// and has no colours of its own for text and axes: the page's style sheet colours those.
struct VegaLite: Encodable, Sendable {
  var data: Values
  var layer: [Layer]
  /// Of the plot without its axes, in pixels.
  var height: Int
  private let schema = "https://vega.github.io/schema/vega-lite/v6.json"
  private let width = "container"
  private let background = "transparent"

  init(_ values: [[String: Datum]], height: Int, _ layer: [Layer]) {
    data = Values(values: values)
    self.layer = layer
    self.height = height
  }

  enum CodingKeys: String, CodingKey {
    case schema = "$schema"
    case data, layer, height, width, background
  }

  struct Values: Encodable, Sendable {
    var values: [[String: Datum]]
  }
}

extension VegaLite {
  /// One value of a row of data.
  enum Datum: Encodable, Sendable, Hashable, ExpressibleByStringLiteral {
    case text(String)
    case number(Double)

    init(stringLiteral value: String) { self = .text(value) }

    /// A number with six significant digits, which is finer than a pixel and keeps files small; nil
    /// for what is no number.
    static func rounded(_ value: Double?) -> Datum? {
      guard let value, value.isFinite else { return nil }
      return .number(Double(value.significant(6)) ?? value)
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .number(let number): try container.encode(number)
      }
    }
  }

  struct Layer: Encodable, Sendable {
    /// Becomes the class `<name>_marks` of the drawn marks.
    var name: String?
    var data: Values?
    var transform: [Transform]?
    var mark: Mark
    var encoding: Encoding
  }

  struct Mark: Encodable, Sendable {
    var type: String
    var size: Double?
    var opacity: Double?
    var color: String?
    var align: String?
    var dx: Double?
    var strokeWidth: Double?
    var strokeDash: [Double]?
    var filled: Bool?
    var cornerRadiusEnd: Double?
    var fontSize: Double?
    var clip: Bool?

    init(_ type: String) { self.type = type }
  }

  struct Transform: Encodable, Sendable {
    var filter: String
  }

  struct Encoding: Encodable, Sendable {
    var x: Channel?
    var x2: Channel?
    var y: Channel?
    var yOffset: Channel?
    var color: Channel?
    var shape: Channel?
    var opacity: Channel?
    var text: Channel?
    var order: Channel?
    /// Tells lines of one colour apart.
    var detail: Channel?
    var tooltip: [Channel]?
  }
}
