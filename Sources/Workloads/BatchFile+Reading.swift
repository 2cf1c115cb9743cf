import JSONReading

extension BatchFile {
  /// Reads the file's bytes; `path` is for messages, which name line and key.
  public init(json: [UInt8], path: String) throws(WorkloadError) {
    let document = JSONDocument(bytes: json, path: path)
    let contents: Contents
    do throws(JSONProblem) {
      // The schema first: a file of another kind should not be blamed for its keys.
      let header = try document.decode(Header.self)
      guard header.schema == Self.schema else {
        throw document.problem(
          at: [.key("schema")], "schema is '\(header.schema)'; expected '\(Self.schema)'")
      }
      guard header.version.value == Self.version else {
        throw document.problem(
          at: [.key("version")],
          "version \(header.version.value) of \(Self.schema) is not known; known: \(Self.version)")
      }
      contents = try document.decode(Contents.self)
    } catch {
      throw WorkloadError(error)
    }
    var batches: [Batch] = []
    for (index, entry) in contents.batches.enumerated() {
      batches.append(try Self.batch(entry, index, document))
    }
    do {
      try self.init(source: contents.source, batches: batches)
    } catch {
      throw WorkloadError(document.problem(at: [.key("batches")], error.message))
    }
  }

  private static func batch(
    _ entry: Entry, _ index: Int, _ document: JSONDocument
  ) throws(WorkloadError) -> Batch {
    func fail(_ steps: [JSONStep], _ message: String) -> WorkloadError {
      let place = [.key("batches"), .index(index)] + steps
      return WorkloadError(
        document.problem(at: place, "\(JSONDocument.name(place)): \(message)"))
    }
    guard !entry.lengths.isEmpty else {
      throw fail([.key("lengths")], "the batch is empty; it needs at least one length")
    }
    guard (0..<(1 << 40)).contains(entry.id) else {
      throw fail([.key("id")], "the id \(entry.id) lies outside 0 to 2^40")
    }
    for (name, count) in [("outputs", entry.outputs?.count), ("tokens", entry.tokens?.count)] {
      if let count, count != entry.lengths.count {
        throw fail([.key(name)], "\(count) entries for \(entry.lengths.count) lengths")
      }
    }
    var requests: [Request] = []
    for (row, length) in entry.lengths.enumerated() {
      if let reason = Request.problem(prompt: length) {
        throw fail([.key("lengths"), .index(row)], reason)
      }
      if let output = entry.outputs?[row], let reason = Request.problem(output: output) {
        throw fail([.key("outputs"), .index(row)], reason)
      }
      do {
        requests.append(
          try Request(
            id: Batch.requestID(batch: entry.id, row: row), promptLength: length,
            outputLength: entry.outputs?[row], tokens: entry.tokens?[row]))
      } catch {
        throw fail([.key("tokens"), .index(row)], error.message)
      }
    }
    do {
      var batch = try Batch(id: entry.id, requests: requests)
      batch.target = entry.target?.pair
      return batch
    } catch {
      throw fail([], error.message)
    }
  }

  private struct Header: Decodable {
    var schema: String
    var version: JSONInteger
  }

  private struct Contents: Decodable {
    var source: String
    var batches: [Entry]

    enum CodingKeys: String, CodingKey, CaseIterable {
      case schema, version, source, batches
    }

    init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(CodingKeys.allCases.map(\.rawValue))
      let keyed = try decoder.container(keyedBy: CodingKeys.self)
      source = try keyed.decode(String.self, forKey: .source)
      batches = try keyed.decode([Entry].self, forKey: .batches)
    }
  }

  private struct Entry: Decodable {
    var id: Int
    var lengths: [Int]
    var outputs: [Int]?
    var tokens: [[Int32]]?
    var target: Target?

    enum CodingKeys: String, CodingKey, CaseIterable {
      case id, lengths, outputs, tokens, target
    }

    init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(CodingKeys.allCases.map(\.rawValue))
      let keyed = try decoder.container(keyedBy: CodingKeys.self)
      id = try keyed.decode(JSONInteger.self, forKey: .id).value
      lengths = try keyed.decode([JSONInteger].self, forKey: .lengths).map(\.value)
      outputs = try keyed.decodeIfPresent([JSONInteger].self, forKey: .outputs)?.map(\.value)
      let wide = try keyed.decodeIfPresent([[JSONInteger]].self, forKey: .tokens)
      // Ids beyond Int32 become -1, which `Request` refuses by the token's row.
      tokens = wide?.map { row in row.map { Int32(exactly: $0.value) ?? -1 } }
      target = try keyed.decodeIfPresent(Target.self, forKey: .target)
    }
  }

  /// A pad ratio and one of the two spreads.
  private struct Target: Decodable {
    var pair: PaddingPair

    enum CodingKeys: String, CodingKey, CaseIterable {
      case padRatio = "pad_ratio"
      case covLength = "cov_len"
      case covPadding = "cov_pad"
    }

    init(from decoder: any Decoder) throws {
      try decoder.refuseUnknownKeys(CodingKeys.allCases.map(\.rawValue))
      let keyed = try decoder.container(keyedBy: CodingKeys.self)
      let spreads = [
        (PaddingSpread.Measure.covLength, CodingKeys.covLength), (.covPadding, .covPadding),
      ]
      let given = try spreads.compactMap { measure, key in
        try keyed.decodeIfPresent(Double.self, forKey: key).map { PaddingSpread(measure, $0) }
      }
      guard given.count == 1, let spread = given.first else {
        throw DecodingError.dataCorrupted(
          .init(
            codingPath: decoder.codingPath,
            debugDescription: "a target has exactly one of cov_len, cov_pad; found \(given.count)"))
      }
      pair = PaddingPair(
        padRatio: try keyed.decode(Double.self, forKey: .padRatio), spread: spread)
    }
  }
}

extension Decoder {
  /// Throws at the first key (in alphabetical order) that is not one of `known`.
  fileprivate func refuseUnknownKeys(_ known: [String]) throws {
    let keys = try container(keyedBy: AnyKey.self).allKeys.map(\.stringValue).sorted()
    guard let unknown = keys.first(where: { !known.contains($0) }) else { return }
    throw DecodingError.dataCorrupted(
      .init(
        codingPath: codingPath + [AnyKey(stringValue: unknown)],
        debugDescription:
          "unknown key '\(unknown)'; valid keys: \(known.joined(separator: " "))"))
  }
}

private struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
