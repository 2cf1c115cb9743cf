/// The collective operations that have a cost here.
public enum CollectiveKind: String, CaseIterable, Sendable, Codable {
  case allReduce = "all-reduce"
  case allGather = "all-gather"
  case reduceScatter = "reduce-scatter"
  case broadcast
  case gather

  /// What turns size over time (algbw) into the bandwidth each rank's link carries (busbw).
  ///
  /// The size is the buffer of an all-reduce or broadcast and the whole vector of the others.
  /// Source: nccl-tests, doc/PERFORMANCE.md ("Bus bandwidth"); gather as in its src/gather.cu.
  public func busBandwidthFactor(ranks n: Int) -> Double {
    guard n > 1 else { return 0 }
    return switch self {
    case .allReduce: 2 * Double(n - 1) / Double(n)
    case .allGather, .reduceScatter, .gather: Double(n - 1) / Double(n)
    case .broadcast: 1
    }
  }

  /// Bus bandwidth in bytes per second of `bytes` in `seconds` on `ranks` ranks.
  public func busBandwidth(bytes: Int, seconds: Double, ranks: Int) -> Double {
    Double(bytes) / seconds * busBandwidthFactor(ranks: ranks)
  }

  /// The algorithms that exist for this operation inside one group of equal links.
  public var algorithms: [CollectiveAlgorithm] {
    switch self {
    case .allReduce: [.ring, .recursiveDoubling, .recursiveHalving, .tree, .direct]
    case .allGather: [.ring, .recursiveDoubling, .direct]
    case .reduceScatter: [.ring, .recursiveHalving, .direct]
    case .broadcast: [.ring, .tree, .direct]
    case .gather: [.tree, .direct]
    }
  }
}

/// How a collective is carried out; `CollectiveKind.algorithms` says which ones it has.
public enum CollectiveAlgorithm: String, CaseIterable, Sendable, Codable {
  case ring
  case recursiveDoubling = "recursive-doubling"
  case recursiveHalving = "recursive-halving"
  case tree
  case direct
  /// Inside the nodes, between them, and inside again; only for groups on several nodes.
  case hierarchical
}
