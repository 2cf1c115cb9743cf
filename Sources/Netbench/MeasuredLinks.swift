import Networks

/// The links that a report measured, as network files hold them: inside a node, between nodes.
public struct MeasuredLinks: Hashable, Sendable {
  /// Nil when no two ranks shared a node.
  public let intraNode: Link?
  /// Nil when all ranks were on one node.
  public let interNode: Link?

  /// - Parameters:
  ///   - name: of the link inside a node; the other one gets `-inter` behind it.
  ///   - command: what was typed, for the files' source.
  /// - Throws: `NetbenchError` when there is no ping-pong to make a link of.
  public init(
    _ report: NetbenchReport, name: String, command: String
  ) throws(NetbenchError) {
    intraNode = try Self.link(report, .sameNode, name: name, command: command)
    interNode = try Self.link(report, .acrossNodes, name: name + "-inter", command: command)
    guard intraNode != nil || interNode != nil else {
      throw NetbenchError("a network file needs the times of ping-pong; leave it in --operations")
    }
  }

  private static func link(
    _ report: NetbenchReport, _ placement: RankGroups.Placement, name: String, command: String
  ) throws(NetbenchError) -> Link? {
    let results = report.results.filter { $0.placement == placement }
    let messages = chosen(results.filter { $0.operation == .pingPong }, report)
    guard !messages.isEmpty else { return nil }
    let place = placement == .sameNode ? "between ranks of one node" : "between nodes"
    let crowded = report.oversubscribed ? "; oversubscribed: more ranks than cores" : ""
    do {
      var collectives: [CollectiveKind: CollectiveTables] = [:]
      for kind in CollectiveKind.allCases {
        let rows = results.filter { $0.operation.rawValue == kind.rawValue }
        var tables: [Int: TimeTable] = [:]
        for ranks in Set(rows.map(\.ranks)) {
          let points = points(chosen(rows.filter { $0.ranks == ranks }, report))
          if !points.isEmpty { tables[ranks] = try TimeTable(points) }
        }
        if !tables.isEmpty { collectives[kind] = try CollectiveTables(tables) }
      }
      return try Link(
        name: name,
        description: "measured \(place) with \(report.mpiLibrary.prefix { $0 != "," })\(crowded)",
        source: "\(command) on \(report.hosts) x \(report.cpuModel)",
        date: String(report.startTime.prefix(10)),
        // A node's ranks are taken to share its port.
        sharedByNode: placement == .acrossNodes,
        pointToPoint: try TimeTable(points(messages)), collectives: collectives)
    } catch let error as TimeTableProblem {
      throw NetbenchError("\(name): \(error.message)")
    } catch {
      throw NetbenchError("\(name): \(error)")
    }
  }

  /// Of several groups alike, those that were measured with the least traffic beside them.
  private static func chosen(
    _ results: [NetbenchResult], _ report: NetbenchReport
  ) -> [NetbenchResult] {
    let groups = report.config.groups.filter { group in
      results.contains { $0.communicator == group.name }
    }
    let quietest = groups.min { $0.groups.count < $1.groups.count }
    return results.filter { $0.communicator == quietest?.name }
  }

  /// Time over size as padtax's engine makes the call: in place where there is no other way, and
  /// all-reduce; else out of place. A size that took longer than a larger one was disturbed and gets
  /// the larger one's time.
  private static func points(_ results: [NetbenchResult]) -> [TimePoint] {
    var points: [TimePoint] = []
    var smallest = Double.infinity
    for result in results.sorted(by: { $0.size > $1.size }) {
      let preferred =
        result.operation == .allReduce
        ? result.inPlace ?? result.outOfPlace : result.outOfPlace ?? result.inPlace
      guard let time = preferred?.time, time > 0 else { continue }
      smallest = min(smallest, time)
      points.append(TimePoint(bytes: result.size, seconds: smallest * 1e-6))
    }
    return points.reversed()
  }
}
