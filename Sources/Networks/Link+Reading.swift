import JSONReading

extension Link {
  /// Reads a link file; errors name the file, the line, what was found and what is valid.
  public init(contentsOf path: String) throws(NetworkError) {
    let document: JSONDocument
    do throws(JSONProblem) {
      document = try JSONDocument(contentsOf: path)
    } catch {
      throw NetworkError(.file, error)
    }
    try self.init(document)
  }

  init(_ document: JSONDocument) throws(NetworkError) {
    let file: LinkFile
    do throws(JSONProblem) {
      file = try document.decode(LinkFile.self)
    } catch {
      throw NetworkError(.file, error)
    }
    try Self.check(file, in: document)
    do throws(NetworkError) {
      try self.init(
        name: file.name, description: file.description, source: file.source, date: file.date,
        sources: file.sources.mapValues { NumberSource(source: $0.source, date: $0.date) },
        latency: file.latency.map { $0 * 1e-6 }, bandwidth: file.bandwidth.map { $0 * 1e9 },
        peerBandwidth: file.peerBandwidth.map { $0 * 1e9 }, sharedByNode: file.sharedByNode,
        pointToPoint: Self.table(file.pointToPoint, at: [.key("point_to_point")], in: document),
        collectives: Self.collectives(file.collectives, in: document),
        algorithms: Self.algorithms(file.algorithms, in: document))
    } catch {
      guard error.file == nil else { throw error }
      throw NetworkError(error.kind, file: document.path, error.message)
    }
  }

  /// Schema, version and the numbers that stand alone.
  private static func check(_ file: LinkFile, in document: JSONDocument) throws(NetworkError) {
    func fail(_ steps: [JSONStep], _ message: String) -> NetworkError {
      NetworkError(.value, document.problem(at: steps, message))
    }
    guard file.schema == LinkFile.schema, file.version == LinkFile.version else {
      throw fail(
        [.key("schema")],
        "schema '\(file.schema)' version \(file.version) is not a link file; wanted "
          + "'\(LinkFile.schema)' version \(LinkFile.version)")
    }
    guard !file.name.isEmpty, file.name.utf8.allSatisfy({ $0 > 32 && $0 != 43 }) else {
      throw fail(
        [.key("name")], "name must be non-empty and without spaces or '+', found '\(file.name)'")
    }
    for (key, value) in [
      (LinkFile.Key.latency, file.latency), (.bandwidth, file.bandwidth),
      (.peerBandwidth, file.peerBandwidth),
    ] {
      if let value, !(value > 0 && value.isFinite) {
        throw fail([.key(key.rawValue)], "\(key.rawValue) must be positive, found \(value)")
      }
    }
    let keys = LinkFile.Key.allCases.map(\.rawValue)
    for key in file.sources.keys.sorted() where !keys.contains(key) {
      throw fail(
        [.key("sources"), .key(key)],
        "sources has '\(key)', which is no key of a link file; known: "
          + keys.joined(separator: " "))
    }
  }

  private static func table(
    _ points: [LinkFile.Point]?, at steps: [JSONStep], in document: JSONDocument
  ) throws(NetworkError) -> TimeTable? {
    guard let points else { return nil }
    do throws(TimeTableProblem) {
      return try TimeTable(points.map { TimePoint(bytes: $0.bytes, seconds: $0.seconds) })
    } catch {
      let place = steps + (points.isEmpty ? [] : [.index(error.index)])
      throw NetworkError(
        .table, document.problem(at: place, "\(JSONDocument.name(place)): \(error.message)"))
    }
  }

  private static func collectives(
    _ file: [String: [String: [LinkFile.Point]]], in document: JSONDocument
  ) throws(NetworkError) -> [CollectiveKind: CollectiveTables] {
    var result: [CollectiveKind: CollectiveTables] = [:]
    for name in file.keys.sorted() {
      let place: [JSONStep] = [.key("collectives"), .key(name)]
      let kind = try kind(name, at: place, in: document)
      var tables: [Int: TimeTable] = [:]
      for text in file[name, default: [:]].keys.sorted() {
        guard let ranks = Int(text), ranks >= 2 else {
          throw NetworkError(
            .value,
            document.problem(
              at: place + [.key(text)],
              "\(JSONDocument.name(place)) has '\(text)'; tables are named by a rank count of 2 "
                + "or more"))
        }
        tables[ranks] = try table(file[name]?[text], at: place + [.key(text)], in: document)
      }
      do throws(NetworkError) {
        result[kind] = try CollectiveTables(tables)
      } catch {
        throw NetworkError(.value, document.problem(at: place, error.message))
      }
    }
    return result
  }

  private static func algorithms(
    _ file: [String: String], in document: JSONDocument
  ) throws(NetworkError) -> [CollectiveKind: CollectiveAlgorithm] {
    var result: [CollectiveKind: CollectiveAlgorithm] = [:]
    for name in file.keys.sorted() {
      let place: [JSONStep] = [.key("algorithms"), .key(name)]
      let kind = try kind(name, at: place, in: document)
      let text = file[name, default: ""]
      guard let algorithm = CollectiveAlgorithm(rawValue: text),
        algorithm == .hierarchical || kind.algorithms.contains(algorithm)
      else {
        throw NetworkError(.value, document.problem(at: place, noAlgorithm(text, for: kind)))
      }
      result[kind] = algorithm
    }
    return result
  }

  private static func kind(
    _ name: String, at place: [JSONStep], in document: JSONDocument
  ) throws(NetworkError) -> CollectiveKind {
    guard let kind = CollectiveKind(rawValue: name) else {
      let known = CollectiveKind.allCases.map(\.rawValue).joined(separator: " ")
      throw NetworkError(
        .value, document.problem(at: place, "no collective '\(name)'; known: \(known)"))
    }
    return kind
  }
}
