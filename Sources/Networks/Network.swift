/// The links of a machine or cluster: one inside the nodes, perhaps another between them.
public struct Network: Hashable, Sendable, CustomStringConvertible {
  public let intraNode: Link
  /// Nil for a network that ends at the node.
  public let interNode: Link?

  public init(intraNode: Link, interNode: Link? = nil) {
    self.intraNode = intraNode
    self.interNode = interNode
  }

  /// Reads `NAME`, `NAME+NAME`, `FILE`, `NAME+FILE`: the link inside the nodes, then the one
  /// between them.
  ///
  /// A part with a `/` or that ends in `.json` is a file, any other a name of the catalogue; file
  /// names therefore cannot contain `+`.
  public init(parsing text: String) throws(NetworkError) {
    let parts = text.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 2, !parts.contains("") else {
      throw NetworkError(
        .name,
        "network '\(text)' is not a link or two joined by +, as in "
          + "nvlink3-a100+infiniband-hdr; \(Catalogue.choices)")
    }
    intraNode = try Self.link(parts[0])
    interNode = parts.count == 2 ? try Self.link(parts[1]) : nil
  }

  private static func link(_ text: String) throws(NetworkError) -> Link {
    let isFile = text.contains("/") || text.hasSuffix(".json")
    return isFile ? try Link(contentsOf: text) : try Catalogue.link(text)
  }

  /// `nvlink3-a100+infiniband-hdr`.
  public var name: String {
    [intraNode.name, interNode?.name].compactMap(\.self).joined(separator: "+")
  }

  /// Names, sources and dates, for a run's provenance.
  public var description: String {
    [intraNode, interNode].compactMap(\.self)
      .map { "\($0.name) (\($0.source), \($0.date))" }.joined(separator: " + ")
  }

  /// Seconds from send to arrival of one message on idle links.
  ///
  /// Between nodes this needs a link between nodes: `nodeIndices` throws where it is missing.
  public func sendSeconds(bytes: Int, sameNode: Bool) -> Double {
    precondition(bytes >= 0, "a message has 0 bytes or more")
    guard !sameNode else { return intraNode.sendSeconds(bytes: Double(bytes)) }
    guard let interNode else { preconditionFailure(Self.noInterNode) }
    let added = interNode.pointToPoint == nil ? launchSeconds(interNode) : 0
    return interNode.sendSeconds(bytes: Double(bytes)) + added
  }

  /// What starting an operation takes beyond what a link between nodes says of itself: no operation
  /// between nodes starts faster than one inside a node does, on the same ranks.
  private func launchSeconds(_ interNode: Link) -> Double {
    max(0, intraNode.sendSeconds(bytes: 0) - interNode.overhead)
  }

  /// Seconds of a collective from when all its members are there to when the last one leaves.
  ///
  /// `bytes` is nccl-tests' size: the buffer of an all-reduce or broadcast, the whole vector of an
  /// all-gather, reduce-scatter or gather. `nodes` is the node of each member, in rank order; the
  /// root of a broadcast or gather is the first. Of one member it is 0. Never falls with bytes.
  public func collectiveSeconds(_ kind: CollectiveKind, bytes: Int, nodes: [Int]) -> Double {
    precondition(bytes >= 0, "a collective has 0 bytes or more")
    precondition(!nodes.isEmpty, "a collective has a member")
    precondition(
      interNode != nil || nodes.allSatisfy { $0 == nodes[0] }, Self.noInterNode)
    let seconds = CollectiveCost(intraNode: intraNode, interNode: interNode ?? intraNode)
      .seconds(kind, bytes: Double(bytes), nodes: nodes)
    let spans = Set(nodes).count
    guard let interNode, spans > 1, spans == nodes.count, interNode.collectives[kind] == nil else {
      return seconds
    }
    return seconds + launchSeconds(interNode)
  }

  private static let noInterNode =
    "a network without a link between nodes has no cost between nodes"

  /// The node of each rank when `ranks` fill `nodes` in blocks, the first nodes with one more where
  /// the counts do not divide.
  ///
  /// Throws for fewer than one rank or node, more nodes than ranks, or several nodes on a network that has
  /// no link between them.
  public func nodeIndices(ranks: Int, nodes: Int) throws(NetworkError) -> [Int] {
    guard ranks >= 1 else {
      throw NetworkError(.placement, "ranks must be 1 or more, found \(ranks)")
    }
    guard (1...ranks).contains(nodes) else {
      throw NetworkError(
        .placement,
        nodes < 1
          ? "nodes must be 1 or more, found \(nodes)"
          : "\(nodes) nodes for \(ranks) rank\(ranks == 1 ? "" : "s"): each node needs a rank; "
            + "valid: 1 to \(ranks)")
    }
    guard nodes == 1 || interNode != nil else {
      throw NetworkError(
        .placement,
        "network \(name) has no link between nodes, but \(nodes) nodes are asked for; "
          + "name one after a +, as in \(name)+infiniband-hdr; \(Catalogue.choices)")
    }
    let (each, more) = (ranks / nodes, ranks % nodes)
    return (0..<nodes).flatMap { Array(repeating: $0, count: each + ($0 < more ? 1 : 0)) }
  }
}
