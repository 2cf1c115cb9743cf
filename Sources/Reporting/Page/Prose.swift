/// Sentences with terms that link to their definitions: as plain text and as markup.
struct Prose: Sendable, Hashable, ExpressibleByStringInterpolation {
  fileprivate enum Part: Hashable {
    case text(String)
    case term(key: String, text: String)
  }
  private var parts: [Part]

  init(stringLiteral value: String) { parts = [.text(value)] }
  init(stringInterpolation: Interpolation) { parts = stringInterpolation.parts }

  var plain: String {
    parts.map {
      switch $0 {
      case .text(let text), .term(_, let text): text
      }
    }.joined()
  }

  var html: HTML {
    parts.map {
      switch $0 {
      case .text(let text): HTML(text: text)
      case .term(let key, let text): Glossary.link(key, text: text)
      }
    }.joined()
  }

  struct Interpolation: StringInterpolationProtocol {
    fileprivate var parts: [Part] = []

    init(literalCapacity: Int, interpolationCount: Int) {}

    mutating func appendLiteral(_ text: String) { parts.append(.text(text)) }
    mutating func appendInterpolation(_ text: String) { parts.append(.text(text)) }
    mutating func appendInterpolation(_ number: Int) { parts.append(.text("\(number)")) }
    mutating func appendInterpolation(_ prose: Prose) { parts += prose.parts }
    /// - Parameter key: of the glossary.
    mutating func appendInterpolation(_ text: String, term key: String) {
      parts.append(.term(key: key, text: text))
    }
  }
}
