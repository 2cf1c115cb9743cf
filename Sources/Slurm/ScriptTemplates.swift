import FoundationEssentials
import Mustache

/// The templates of a folder: `NAME.sbatch` for scripts, `NAME.part` for what they share.
public struct ScriptTemplates: Sendable {
  public let folder: String
  private let parts: MustacheLibrary
  private let partTexts: [String: String]

  /// - Throws: `SlurmError` when a part cannot be read or is no template.
  public init(folder: String) throws(SlurmError) {
    self.folder = folder
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var texts: [String: String] = [:]
    var templates: [String: MustacheTemplate] = [:]
    for file in names.sorted() where file.hasSuffix(".part") {
      let name = String(file.dropLast(".part".count))
      texts[name] = try Self.text(folder + "/" + file)
      templates[name] = try Self.template(texts[name] ?? "", file: folder + "/" + file)
    }
    partTexts = texts
    parts = MustacheLibrary(templates: templates)
  }

  /// Renders `NAME.sbatch`.
  /// - Throws: `SlurmError` when the template asks for a value or a part that there is not.
  func render(_ name: String, _ values: [String: TemplateValue]) throws(SlurmError) -> String {
    let file = "\(folder)/\(name).sbatch"
    let text = try Self.text(file)
    try check(text, file: file, values)
    let template = try Self.template(text, file: file)
    return template.render(values.mapValues(\.content), library: parts)
  }

  /// The library takes an unknown name for an empty value; a script must not.
  private func check(
    _ text: String, file: String, _ values: [String: TemplateValue]
  ) throws(SlurmError) {
    for tag in Self.tags(text) {
      switch tag.kind {
      case ">":
        guard let part = partTexts[tag.name] else {
          throw SlurmError(
            "\(file):\(tag.line): no part '\(tag.name)'; there are: "
              + partTexts.keys.sorted().joined(separator: ", "))
        }
        try check(part, file: "\(folder)/\(tag.name).part", values)
      case "!": continue
      default:
        guard tag.name == "." || values[tag.name] != nil else {
          throw SlurmError(
            "\(file):\(tag.line): unknown value '\(tag.name)'; there are: "
              + values.keys.sorted().joined(separator: ", "))
        }
      }
    }
  }

  /// The tags of a template: `{{name}}`, `{{#name}}`, `{{/name}}`, `{{^name}}`, `{{>part}}`.
  private static func tags(_ text: String) -> [(kind: Character?, name: String, line: Int)] {
    var tags: [(Character?, String, Int)] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      var rest = line[...]
      while let open = rest.firstRange(of: "{{"),
        let close = rest[open.upperBound...].firstRange(of: "}}")
      {
        let inner = rest[open.upperBound..<close.lowerBound]
        let kind = inner.first.flatMap { "#/^>!".contains($0) ? $0 : nil }
        let name = (kind == nil ? inner : inner.dropFirst()).filter { $0 != " " }
        tags.append((kind, String(name), index + 1))
        rest = rest[close.upperBound...]
      }
    }
    return tags
  }

  private static func text(_ path: String) throws(SlurmError) -> String {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw SlurmError("cannot read the template \(path): no such file or not readable")
    }
    return String(decoding: data, as: UTF8.self)
  }

  private static func template(
    _ text: String, file: String
  ) throws(SlurmError) -> MustacheTemplate {
    do {
      // Scripts are text: nothing is escaped as HTML is.
      return try MustacheTemplate(string: "{{% CONTENT_TYPE: TEXT}}\n" + text)
    } catch {
      throw SlurmError("\(file): not a template: \(error)")
    }
  }
}

/// What a name in a template stands for.
enum TemplateValue {
  case text(String)
  /// A section that is there once per entry.
  case list([String])

  var content: Any {
    switch self {
    case .text(let text): text
    case .list(let list): list
    }
  }

  static func optional(_ text: String?) -> TemplateValue { .list(text.map { [$0] } ?? []) }
  static func flag(_ flag: Bool) -> TemplateValue { .list(flag ? ["yes"] : []) }
}
