/// Which clock times a job: the key `clock` of a job file and those that belong to it.
public enum ClockChoice: Hashable, Sendable, Codable {
  case wall
  case virtual(VirtualTime)

  /// The name of the clock in jobs and records.
  public var name: String {
    switch self {
    case .wall: "wall"
    case .virtual: "virtual"
    }
  }

  /// What the virtual clock pretends; nil under the wall clock.
  public var virtualTime: VirtualTime? {
    if case .virtual(let time) = self { time } else { nil }
  }
}

/// What the virtual clock pretends.
public struct VirtualTime: Hashable, Sendable, Codable {
  /// Catalogue names or files: one, or intra-node`+`inter-node.
  public var network: String
  public var nodes: NodeChoice
  /// How much faster than this machine's the pretended processors are.
  public var computeScale: Double
  /// The same in decode steps, which read weights where a prefill multiplies; nil for no difference.
  public var decodeScale: Double?
  public var token: TokenChoice

  public init(
    network: String, nodes: NodeChoice = .count(1), computeScale: Double = 1,
    token: TokenChoice = .auto
  ) {
    self.network = network
    self.nodes = nodes
    self.computeScale = computeScale
    self.token = token
  }
}

extension VirtualTime {
  /// A network's name with its files as `path` gives them; what is neither in a folder nor `.json` is
  /// a name of the catalogue and stays.
  public static func network(_ name: String, path: (String) -> String) -> String {
    name.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
      .map { $0.contains("/") || $0.hasSuffix(".json") ? path($0) : $0 }.joined(separator: "+")
  }

  var jobEntries: [(String, String)] {
    let place =
      switch nodes {
      case .count(let count): ("nodes", "\(count)")
      case .ranksPerNode(let count): ("ranks-per-node", "\(count)")
      }
    return [
      ("network", JobFile.quoted(network)), place, ("compute-scale", "\(computeScale)"),
      ("compute-token", token.rawValue),
    ] + (decodeScale.map { [("decode-scale", "\($0)")] } ?? [])
  }
}

/// How ranks are spread over the pretended nodes; consecutive ranks fill one node after another.
public enum NodeChoice: Hashable, Sendable, Codable {
  /// So many nodes, each with the same number of ranks.
  case count(Int)
  /// So many ranks on each node; the last node may have fewer.
  case ranksPerNode(Int)

  /// The node of each rank.
  /// - Throws: `RecordError` when there are more nodes than ranks, or the nodes do not divide them.
  public func nodes(ranks: Int) throws(RecordError) -> [Int] {
    switch self {
    case .ranksPerNode(let count): return (0..<ranks).map { $0 / count }
    case .count(let nodes):
      guard nodes <= ranks else {
        throw RecordError(
          "\(nodes) nodes are more than the \(ranks) ranks; at most one node a rank")
      }
      guard ranks % nodes == 0 else {
        let valid = (1...ranks).filter { ranks % $0 == 0 }.map(String.init)
        throw RecordError(
          "\(ranks) ranks cannot be spread evenly over \(nodes) nodes; valid: "
            + valid.joined(separator: ", "))
      }
      return (0..<ranks).map { $0 / (ranks / nodes) }
    }
  }
}

/// Whether ranks compute in turns: the key `compute-token`.
public enum TokenChoice: String, Hashable, Sendable, Codable, CaseIterable {
  /// Where a host has more ranks than cores.
  case auto
  case on, off
  /// Always, one rank of a host at a time: ranks then share no memory bandwidth, as GPUs do not.
  case one
}

/// The virtual clock as records tell it.
public struct VirtualTimeFacts: Codable, Hashable, Sendable {
  public var network: String
  /// Where the network's numbers come from.
  public var networkSource: String
  public var nodes: Int
  public var computeScale: Double
  /// In decode steps, where that differs.
  public var decodeScale: Double?
  /// Ranks of a host that could compute at once; nil where all could, since no token was used.
  public var computeTokens: Int?

  public init(
    network: String, networkSource: String, nodes: Int, computeScale: Double,
    decodeScale: Double? = nil, computeTokens: Int?
  ) {
    self.network = network
    self.networkSource = networkSource
    self.nodes = nodes
    self.computeScale = computeScale
    self.decodeScale = decodeScale
    self.computeTokens = computeTokens
  }

  enum CodingKeys: String, CodingKey {
    case network
    case networkSource = "network_source"
    case nodes
    case computeScale = "compute_scale"
    case decodeScale = "decode_scale"
    case computeTokens = "compute_tokens"
  }
}
