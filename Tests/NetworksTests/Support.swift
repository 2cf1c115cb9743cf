import Networks
import Testing

/// Links and tables for tests.
enum Sample {
  /// 2 µs and 10 GB/s.
  static func link(
    latency: Double = 2e-6, overhead: Double = 0, bandwidth: Double = 10e9,
    peerBandwidth: Double? = nil,
    sharedByNode: Bool = false, pointToPoint: TimeTable? = nil,
    collectives: [CollectiveKind: CollectiveTables] = [:],
    algorithms: [CollectiveKind: CollectiveAlgorithm] = [:]
  ) throws -> Link {
    try Link(
      name: "sample", description: "a link for tests", source: "made up", date: "2026-11",
      latency: latency, overhead: overhead, bandwidth: bandwidth, peerBandwidth: peerBandwidth,
      sharedByNode: sharedByNode, pointToPoint: pointToPoint, collectives: collectives,
      algorithms: algorithms)
  }

  static func table(_ points: [(bytes: Int, microseconds: Double)]) throws -> TimeTable {
    try TimeTable(points.map { TimePoint(bytes: $0.bytes, seconds: $0.microseconds / 1e6) })
  }

  /// What is said about `body`, `accepted` when nothing is.
  static func complaint(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "accepted"
    } catch { return "\(error)" }
  }
}

func isClose(_ found: Double, _ wanted: Double, within tolerance: Double = 1e-9) -> Bool {
  abs(found - wanted) <= tolerance * abs(wanted)
}
