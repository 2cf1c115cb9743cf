import JSONReading

/// A link file as it stands, before its tables are checked.
struct LinkFile: Decodable {
  static let schema = "padtax.network"
  static let version = 1

  enum Key: String, CodingKey, CaseIterable {
    case schema, version, name, description, source, date, sources
    case latency = "latency_us"
    case bandwidth = "bandwidth_GBps"
    case peerBandwidth = "peer_bandwidth_GBps"
    case sharedByNode = "shared_by_node"
    case pointToPoint = "point_to_point"
    case collectives, algorithms
  }

  struct Point: Decodable {
    enum Key: String, CodingKey, CaseIterable {
      case bytes
      case time = "time_us"
    }

    let bytes: Int
    let seconds: Double

    init(from decoder: any Decoder) throws {
      let values = try decoder.knownKeys(Key.self)
      bytes = try values.decode(JSONInteger.self, forKey: .bytes).value
      seconds = try values.decode(Double.self, forKey: .time) * 1e-6
    }
  }

  struct Source: Decodable {
    enum Key: String, CodingKey, CaseIterable { case source, date }

    let source: String
    let date: String

    init(from decoder: any Decoder) throws {
      let values = try decoder.knownKeys(Key.self)
      source = try values.decode(String.self, forKey: .source)
      date = try values.decode(String.self, forKey: .date)
    }
  }

  let schema: String
  let version: Int
  let name: String
  let description: String
  let source: String
  let date: String
  let sources: [String: Source]
  let latency: Double?
  let bandwidth: Double?
  let peerBandwidth: Double?
  let sharedByNode: Bool
  let pointToPoint: [Point]?
  let collectives: [String: [String: [Point]]]
  let algorithms: [String: String]

  init(from decoder: any Decoder) throws {
    let values = try decoder.knownKeys(Key.self)
    schema = try values.decode(String.self, forKey: .schema)
    version = try values.decode(JSONInteger.self, forKey: .version).value
    name = try values.decode(String.self, forKey: .name)
    description = try values.decode(String.self, forKey: .description)
    source = try values.decode(String.self, forKey: .source)
    date = try values.decode(String.self, forKey: .date)
    sources = try values.decodeIfPresent([String: Source].self, forKey: .sources) ?? [:]
    latency = try values.decodeIfPresent(Double.self, forKey: .latency)
    bandwidth = try values.decodeIfPresent(Double.self, forKey: .bandwidth)
    peerBandwidth = try values.decodeIfPresent(Double.self, forKey: .peerBandwidth)
    sharedByNode = try values.decodeIfPresent(Bool.self, forKey: .sharedByNode) ?? false
    pointToPoint = try values.decodeIfPresent([Point].self, forKey: .pointToPoint)
    collectives =
      try values.decodeIfPresent([String: [String: [Point]]].self, forKey: .collectives)
      ?? [:]
    algorithms = try values.decodeIfPresent([String: String].self, forKey: .algorithms) ?? [:]
  }
}

extension Decoder {
  /// The container of an object; a key outside `Key` is an error that lists those there are.
  fileprivate func knownKeys<Key: CodingKey & CaseIterable>(
    _ type: Key.Type
  ) throws -> KeyedDecodingContainer<Key> {
    let keys = try container(keyedBy: AnyKey.self).allKeys
    if let unknown = keys.first(where: { Key(stringValue: $0.stringValue) == nil }) {
      let known = Key.allCases.map(\.stringValue).joined(separator: " ")
      throw DecodingError.dataCorrupted(
        .init(
          codingPath: codingPath + [unknown],
          debugDescription: "unknown key '\(unknown.stringValue)'; known: \(known)"))
    }
    return try container(keyedBy: type)
  }
}

private struct AnyKey: CodingKey {
  let stringValue: String
  let intValue: Int? = nil
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
