/// Markup. A literal is taken as it stands; what is interpolated into it is escaped unless it is
/// markup itself: text cannot become markup by accident.
///
///     let cell: HTML = "<td title=\"\(row.note)\">\(row.policy)</td>"
///
/// Attribute values in literals stand in double quotes.
struct HTML: Sendable, Hashable, ExpressibleByStringInterpolation {
  private(set) var markup: String

  init(stringLiteral value: StaticString) { markup = "\(value)" }

  init(stringInterpolation: Interpolation) { markup = stringInterpolation.markup }

  /// Text as markup that shows it.
  init(text: String) { markup = Self.escaped(text) }

  /// Markup from a place that no input reaches: the style sheet and the scripts of a page.
  init(trusted: String) { markup = trusted }

  static func += (page: inout HTML, part: HTML) { page.markup += part.markup }

  struct Interpolation: StringInterpolationProtocol {
    typealias StringLiteralType = StaticString
    fileprivate var markup = ""

    init(literalCapacity: Int, interpolationCount: Int) { markup.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: StaticString) { markup += "\(literal)" }
    mutating func appendInterpolation(_ text: String) { markup += HTML.escaped(text) }
    mutating func appendInterpolation(_ text: StaticString) { markup += HTML.escaped("\(text)") }
    mutating func appendInterpolation(_ number: Int) { markup += "\(number)" }
    mutating func appendInterpolation(_ part: HTML) { markup += part.markup }
    mutating func appendInterpolation(_ parts: [HTML]) {
      for part in parts { markup += part.markup }
    }
  }

  /// The text with the five characters replaced that mean something in text or attribute values, and
  /// without control characters, which no page may hold.
  static func escaped(_ text: String) -> String {
    var out = ""
    out.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      case "\n", "\t": out.unicodeScalars.append(scalar)
      case "\u{0}"..<"\u{20}", "\u{7F}"..<"\u{A0}": out += "\u{FFFD}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out
  }
}

extension [HTML] {
  func joined(separator: HTML = "") -> HTML {
    var out: HTML = ""
    for (index, part) in enumerated() {
      if index > 0 { out += separator }
      out += part
    }
    return out
  }
}

extension HTML {
  /// A `script` element with JSON: no `<` is left in it that could end the element or open a comment.
  static func data(id: String, json: String) -> HTML {
    let safe = json.split(separator: "<", omittingEmptySubsequences: false)
      .joined(separator: "\\u003c")
    return "<script type=\"application/json\" id=\"\(id)\">\(HTML(trusted: safe))</script>\n"
  }
}
