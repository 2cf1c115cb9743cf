import FoundationEssentials
import Records

/// The JavaScript of Vega and Vega-Lite, which draws the charts: `scripts/fetch-vega` makes the file.
public struct VegaBundle: Sendable {
  public static let fileName = "vega-bundle.js"
  public let script: String

  /// The script as it stands in a page: nothing in it may end its element. `</script` and `<!--` occur
  /// in string literals only, where a backslash more changes nothing.
  public init(script: String) throws(RecordError) {
    guard script.contains("window.vegaEmbed") else {
      throw RecordError(
        "\(script.utf8.count) bytes of script that define no window.vegaEmbed: no bundle of Vega")
    }
    self.script = Self.replacing(
      "<!--", with: "<\\!--",
      in: Self.replacing("</", with: "<\\/", in: script, before: "script"))
  }

  public init(path: String) throws(RecordError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw RecordError("\(path): no such file; scripts/fetch-vega makes it")
    }
    do { try self.init(script: String(decoding: data, as: UTF8.self)) } catch {
      throw RecordError("\(path): \(error)")
    }
  }

  /// Where the bundle may be: the file or folder that PADTAX_VEGA names and nothing else, or
  /// `.build/vega` in the current folder and in those above the program.
  public static func candidates(variables: [String: String], programFolder: String) -> [String] {
    if let named = variables["PADTAX_VEGA"], !named.isEmpty {
      return [named.hasSuffix(".js") ? named : "\(named)/\(fileName)"]
    }
    var folders = [".build/vega"]
    // .build/release/padtax, .build/<triple>/release/padtax, <prefix>/bin/padtax
    var parts = programFolder.split(separator: "/").map(String.init)
    for _ in 0..<4 where !parts.isEmpty {
      let folder = "/" + parts.joined(separator: "/")
      folders += ["\(folder)/vega", "\(folder)/.build/vega", "\(folder)/share/padtax/vega"]
      parts.removeLast()
    }
    return folders.map { "\($0)/\(fileName)" }
  }

  /// The first candidate that is there; nil without one, but a name in PADTAX_VEGA must be right.
  public static func find(
    variables: [String: String], programFolder: String
  ) throws(RecordError) -> VegaBundle? {
    let paths = candidates(variables: variables, programFolder: programFolder)
    if let path = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) {
      return try VegaBundle(path: path)
    }
    if let named = variables["PADTAX_VEGA"], !named.isEmpty {
      throw RecordError("PADTAX_VEGA is '\(named)', but \(paths[0]) is not there")
    }
    return nil
  }

  /// Replaces `part`, where `before` follows it in any case.
  private static func replacing(
    _ part: String, with other: String, in text: String, before: String = ""
  ) -> String {
    let pieces = text.split(separator: part, omittingEmptySubsequences: false)
    guard pieces.count > 1 else { return text }
    var out = String(pieces[0])
    for piece in pieces.dropFirst() {
      let follows = piece.prefix(before.count).lowercased() == before
      out += (follows ? other : part) + piece
    }
    return out
  }
}
