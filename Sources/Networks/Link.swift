/// One class of link: what it costs to send between two ranks, and collectives measured on it.
///
/// A point-to-point time comes from the measured table where there is one, else from latency and
/// bandwidth. Where both are given, latency and bandwidth still say what one port can carry.
public struct Link: Hashable, Sendable {
  public let name: String
  public let description: String
  /// Where the numbers come from, and when; single groups may have their own in `sources`.
  public let source: String
  public let date: String
  /// Sources of single groups, by the file's key (`latency_us`, `point_to_point`, …).
  public let sources: [String: NumberSource]
  /// Seconds of an empty message.
  public let latency: Double
  /// Bytes per second that one rank (one node, if `sharedByNode`) can send, and receive, in all.
  public let bandwidth: Double
  /// Bytes per second between one pair of ranks; below `bandwidth` where each peer has a link of
  /// its own (a mesh).
  public let peerBandwidth: Double
  /// True when the ranks of a node share one port, as with a node's only network card.
  public let sharedByNode: Bool
  public let pointToPoint: TimeTable?
  /// Measured tables by operation and rank count.
  public let collectives: [CollectiveKind: CollectiveTables]
  public let algorithms: [CollectiveKind: CollectiveAlgorithm]

  /// Where a group of numbers comes from.
  public struct NumberSource: Hashable, Sendable {
    public let source: String
    public let date: String

    public init(source: String, date: String) {
      self.source = source
      self.date = date
    }
  }

  /// Keeps the numbers; latency and bandwidth default to the fit of the point-to-point table.
  ///
  /// Throws where there is neither, where a number is not positive and finite, where one pair has
  /// more than a rank in all, or where an operation lacks the algorithm named for it.
  public init(
    name: String, description: String, source: String, date: String,
    sources: [String: NumberSource] = [:], latency: Double? = nil, bandwidth: Double? = nil,
    peerBandwidth: Double? = nil, sharedByNode: Bool = false, pointToPoint: TimeTable? = nil,
    collectives: [CollectiveKind: CollectiveTables] = [:],
    algorithms: [CollectiveKind: CollectiveAlgorithm] = [:]
  ) throws(NetworkError) {
    guard let latency = latency ?? pointToPoint?.fit.latency,
      let bandwidth = bandwidth ?? pointToPoint?.fit.bandwidth
    else {
      throw NetworkError(
        .value, "link \(name) needs latency_us and bandwidth_GBps, or a point_to_point table")
    }
    let peer = peerBandwidth ?? bandwidth
    for (key, value) in [
      ("latency_us", latency), ("bandwidth_GBps", bandwidth), ("peer_bandwidth_GBps", peer),
    ] where !(value > 0 && value.isFinite) {
      throw NetworkError(.value, "\(key) of link \(name) must be a positive number")
    }
    guard peer <= bandwidth else {
      throw NetworkError(
        .value,
        "peer_bandwidth_GBps \(peer / 1e9) of link \(name) is above bandwidth_GBps "
          + "\(bandwidth / 1e9), which is what a rank sends in all")
    }
    for (kind, algorithm) in algorithms
    where algorithm != .hierarchical && !kind.algorithms.contains(algorithm) {
      throw NetworkError(.value, Self.noAlgorithm(algorithm.rawValue, for: kind))
    }
    self.name = name
    self.description = description
    self.source = source
    self.date = date
    self.sources = sources
    self.latency = latency
    self.bandwidth = bandwidth
    self.peerBandwidth = peer
    self.sharedByNode = sharedByNode
    self.pointToPoint = pointToPoint
    self.collectives = collectives
    self.algorithms = algorithms
  }

  /// Seconds from send to arrival of one message on an idle link.
  public func sendSeconds(bytes: Double) -> Double {
    pointToPoint?.seconds(bytes: bytes) ?? latency + bytes / peerBandwidth
  }

  /// Seconds until one port has moved messages of `total` bytes in all, the largest of `largest`.
  func portSeconds(total: Double, largest: Double) -> Double {
    peerBandwidth < bandwidth
      ? max(sendSeconds(bytes: largest), latency + total / bandwidth) : sendSeconds(bytes: total)
  }

  static func noAlgorithm(_ name: String, for kind: CollectiveKind) -> String {
    let valid = kind.algorithms.map(\.rawValue) + [CollectiveAlgorithm.hierarchical.rawValue]
    return "\(kind.rawValue) has no algorithm '\(name)'; valid: \(valid.joined(separator: " ")), "
      + "or no entry for the choice by size"
  }
}
