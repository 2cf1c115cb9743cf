import JSONReading
import Units

extension Link {
  /// The link as a link file, one point a line; times in µs and bandwidths in GB/s keep seven
  /// digits, and equal links give equal text.
  ///
  /// Reading it back gives a link whose text is the same.
  public var fileText: String {
    typealias Key = LinkFile.Key
    var entries: [(Key, String)] = [
      (.schema, JSONLiteral.string(LinkFile.schema)), (.version, "\(LinkFile.version)"),
      (.name, JSONLiteral.string(name)), (.description, JSONLiteral.string(description)),
      (.source, JSONLiteral.string(source)), (.date, JSONLiteral.string(date)),
    ]
    if !sources.isEmpty {
      entries.append((.sources, Self.object(sources.map { ($0, $1.fileText) }, indent: 2)))
    }
    entries.append((.latency, Self.number(latency * 1e6)))
    if overhead > 0 { entries.append((.overhead, Self.number(overhead * 1e6))) }
    entries.append((.bandwidth, Self.number(bandwidth / 1e9)))
    if peerBandwidth < bandwidth {
      entries.append((.peerBandwidth, Self.number(peerBandwidth / 1e9)))
    }
    if sharedByNode { entries.append((.sharedByNode, "true")) }
    if let pointToPoint { entries.append((.pointToPoint, pointToPoint.fileText(indent: 2))) }
    if !collectives.isEmpty {
      let kinds = collectives.map { kind, tables in
        let byRanks = tables.rankCounts.compactMap { ranks in
          tables.tables[ranks].map { ("\(ranks)", $0.fileText(indent: 6)) }
        }
        return (kind.rawValue, Self.object(byRanks, indent: 4, sorted: false))
      }
      entries.append((.collectives, Self.object(kinds, indent: 2)))
    }
    if !algorithms.isEmpty {
      let chosen = algorithms.map { ($0.rawValue, JSONLiteral.string($1.rawValue)) }
      entries.append((.algorithms, Self.object(chosen, indent: 2)))
    }
    return Self.object(entries.map { ($0.0.rawValue, $0.1) }, indent: 0, sorted: false) + "\n"
  }

  fileprivate static func object(
    _ entries: [(String, String)], indent: Int, sorted: Bool = true
  ) -> String {
    let space = String(repeating: " ", count: indent)
    return "{\n"
      + (sorted ? entries.sorted { $0.0 < $1.0 } : entries)
      .map { "\(space)  \(JSONLiteral.string($0)): \($1)" }.joined(separator: ",\n")
      + "\n\(space)}"
  }

  /// Seven significant digits without zeros at the end.
  fileprivate static func number(_ value: Double) -> String {
    var text = Substring(value.significant(7))
    guard text.contains(".") else { return String(text) }
    while text.last == "0" { text.removeLast() }
    return String(text.last == "." ? text.dropLast() : text)
  }
}

extension Link.NumberSource {
  fileprivate var fileText: String {
    "{\"source\": \(JSONLiteral.string(source)), \"date\": \(JSONLiteral.string(date))}"
  }
}

extension TimeTable {
  fileprivate func fileText(indent: Int) -> String {
    let space = String(repeating: " ", count: indent)
    return "[\n"
      + points.map {
        "\(space)  {\"bytes\": \($0.bytes), \"time_us\": \(Link.number($0.seconds * 1e6))}"
      }.joined(separator: ",\n") + "\n\(space)]"
  }
}
