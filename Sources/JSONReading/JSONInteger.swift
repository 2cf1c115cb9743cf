/// An integer in a JSON file, with an error that knows its place.
///
/// `JSONDecoder` reports a fraction or a number too large for `Int` at the root of the document;
/// decoding through this type names the key instead. `64.0` and `1e3` count as integers.
public struct JSONInteger: Decodable, Hashable, Sendable {
  public let value: Int

  static let expectation = "must be an integer"

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let number: Double
    do {
      number = try container.decode(Double.self)
    } catch DecodingError.typeMismatch(_, let context) {
      throw DecodingError.typeMismatch(Int.self, context)
    }
    // Above 2^53 a double may have been rounded: read those digits again as they are.
    if number.magnitude < 0x1p53, let exact = Int(exactly: number) {
      value = exact
    } else if number.magnitude < 0x1p62, number == number.rounded() {
      value = try container.decode(Int.self)
    } else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: Self.expectation))
    }
  }
}
