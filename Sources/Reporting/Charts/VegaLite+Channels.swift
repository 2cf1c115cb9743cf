extension VegaLite {
  /// How a field of the data becomes a place, a colour or a text.
  struct Channel: Encodable, Sendable {
    var field: String?
    var type: String?
    var title: String?
    var value: Datum?
    var format: String?
    var sort: [String]?
    /// `zero`, `normalize`, or nil for marks that are not stacked.
    var stack: String?
    var scale: Scale?
    var axis: Axis?
    var legend: Legend?
    var condition: Condition?

    static func quantity(
      _ field: String, _ title: String, format: String? = nil, zero: Bool = true,
      domain: [Double]? = nil
    ) -> Channel {
      var channel = Channel(field: field, type: "quantitative", title: title)
      channel.scale = Scale(
        zero: domain == nil ? zero : nil, nice: domain == nil ? nil : false,
        domain: domain.map { .numbers($0) })
      channel.axis = Axis(format: format, tickCount: 6)
      return channel
    }

    /// Names in a given order.
    static func names(_ field: String, _ title: String, order: [String]) -> Channel {
      var channel = Channel(field: field, type: "nominal", title: title)
      channel.sort = order
      return channel
    }

    /// Names in colours.
    static func colors(_ field: String, _ title: String, _ palette: Palette) -> Channel {
      var channel = Channel(field: field, type: "nominal", title: title)
      channel.scale = Scale(domain: .names(palette.names), range: palette.colors)
      channel.legend = Legend(orient: "top", direction: "horizontal", columns: 3)
      return channel
    }

    static func end(_ field: String) -> Channel { Channel(field: field) }

    static func fixed(_ value: Datum) -> Channel { Channel(value: value) }

    /// For tooltips.
    static func shown(_ field: String, _ title: String, format: String? = nil) -> Channel {
      Channel(
        field: field, type: format == nil ? "nominal" : "quantitative", title: title,
        format: format)
    }
  }

  struct Scale: Encodable, Sendable {
    /// `log`, or nil for the usual one.
    var type: String?
    var zero: Bool?
    var nice: Bool?
    var domain: Domain?
    var range: [String]?
    var scheme: String?
    var paddingInner: Double?
  }

  enum Domain: Encodable, Sendable {
    case names([String])
    case numbers([Double])

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .names(let names): try container.encode(names)
      case .numbers(let numbers): try container.encode(numbers)
      }
    }
  }

  struct Axis: Encodable, Sendable {
    var format: String?
    var tickCount: Int?
    var labelLimit: Int?
    var labelAngle: Int?
  }

  struct Legend: Encodable, Sendable {
    var orient: String?
    var direction: String?
    var columns: Int?
    var gradientLength: Int?
  }

  /// Another value where a test holds.
  struct Condition: Encodable, Sendable {
    var test: String
    var value: Datum
  }
}

/// Names and their colours, the same in every chart of a report.
struct Palette: Sendable, Hashable {
  var names: [String]
  var colors: [String]

  /// Okabe and Ito's colours that people with colour blindness tell apart (Color Universal Design,
  /// 2008), with grey for their black, so that they stand on dark pages too.
  static let okabeIto = [
    "#009E73", "#D55E00", "#E69F00", "#56B4E9", "#CC79A7", "#0072B2", "#F0E442", "#999999",
  ]

  init(_ pairs: KeyValuePairs<String, String>) {
    names = pairs.map(\.key)
    colors = pairs.map(\.value)
  }

  /// The names in order. Those in `known` have their colour in every report, the others take what is
  /// left; more than eight names share colours: labels beside the marks tell them apart.
  init(_ all: [String], known: KeyValuePairs<String, String> = [:]) {
    let first = known.filter { all.contains($0.key) }
    let rest = all.filter { name in !known.contains { $0.key == name } }
    let free = Self.okabeIto.filter { color in !known.contains { $0.value == color } }
    names = first.map(\.key) + rest
    colors = first.map(\.value) + rest.indices.map { free[$0 % free.count] }
  }

  /// Colours of the policies that most reports have.
  static let knownPolicies: KeyValuePairs = [
    "packed": "#009E73", "right-pad": "#D55E00", "left-pad": "#E69F00",
  ]
}
