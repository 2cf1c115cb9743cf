/// Seconds of collectives among members on nodes, over a link inside and one between the nodes.
struct CollectiveCost {
  let intraNode: Link
  let interNode: Link

  /// Seconds of one operation among members on `nodes`, in rank order; the root is the first.
  func seconds(_ kind: CollectiveKind, bytes: Double, nodes: [Int]) -> Double {
    guard nodes.count > 1 else { return 0 }
    let spans = Set(nodes).count
    let link = spans == 1 ? intraNode : interNode
    let fixed = link.algorithms[kind].flatMap { spans == 1 && $0 == .hierarchical ? nil : $0 }
    if let fixed {
      return fixed == .hierarchical
        ? hierarchical(kind, bytes: bytes, nodes: nodes)
        : modelled(kind, fixed, bytes: bytes, nodes: nodes)
    }
    // A table was measured among ranks that all have the same link to each other.
    if spans == 1 || spans == nodes.count, let tables = link.collectives[kind] {
      return tables.seconds(bytes: bytes, ranks: nodes.count) { ranks in
        fastest(
          kind, bytes: bytes,
          nodes: spans == 1
            ? [Int](repeating: 0, count: ranks)
            : Array(0..<ranks))
      }
    }
    let flat = fastest(kind, bytes: bytes, nodes: nodes)
    guard spans > 1, spans < nodes.count else { return flat }
    return min(flat, hierarchical(kind, bytes: bytes, nodes: nodes))
  }

  /// The fastest of the operation's algorithms: what libraries' tuning aims at.
  private func fastest(_ kind: CollectiveKind, bytes: Double, nodes: [Int]) -> Double {
    kind.algorithms.map { modelled(kind, $0, bytes: bytes, nodes: nodes) }.min() ?? 0
  }

  /// One algorithm over all members as they are, step by step.
  func modelled(
    _ kind: CollectiveKind, _ algorithm: CollectiveAlgorithm, bytes: Double, nodes: [Int]
  ) -> Double {
    let plans = RoundPlan(kind: kind, ranks: nodes.count, bytes: bytes).plans(algorithm)
    return plans.map { $0.reduce(0) { $0 + seconds($1, nodes: nodes) } }.min() ?? 0
  }

  /// A step takes as long as its busiest port: all that a rank (or a node's shared port) sends, or
  /// receives, in the step over one link class.
  private func seconds(_ round: Round, nodes: [Int]) -> Double {
    var ports: [Port: (total: Double, largest: Double)] = [:]
    for message in round.messages {
      let inside = nodes[message.from] == nodes[message.to]
      let shared = (inside ? intraNode : interNode).sharedByNode
      for (member, sends) in [(message.from, true), (message.to, false)] {
        let owner = shared ? nodes[member] : member
        let port = Port(owner: owner, inside: inside, sends: sends)
        let (total, largest) = ports[port] ?? (0, 0)
        ports[port] = (total + message.bytes, max(largest, message.bytes))
      }
    }
    let times = ports.map { port, load in
      (port.inside ? intraNode : interNode)
        .portSeconds(total: load.total, largest: load.largest)
    }
    return (times.max() ?? 0) * Double(round.repeats)
  }

  private struct Port: Hashable {
    let owner: Int
    let inside: Bool
    let sends: Bool
  }
}
