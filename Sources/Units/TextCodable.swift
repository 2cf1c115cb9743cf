/// A value that files hold as the text it prints and is read from.
public protocol TextCodable: Codable, CustomStringConvertible {
  /// Reads what `description` prints.
  init(parsing text: String) throws
}

extension TextCodable {
  /// - Throws: `DecodingError` at the text, in the words of `init(parsing:)`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    do {
      try self.init(parsing: text)
    } catch {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(error)")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
