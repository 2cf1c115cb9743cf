extension CollectiveCost {
  /// Inside the nodes, between them, inside again.
  ///
  /// With g members on each of k nodes, member i of every node works with the members i of the
  /// others, so that all ports between nodes carry S/g:
  /// - all-reduce: reduce-scatter of S inside, all-reduce of S/g between, all-gather of S inside;
  /// - all-gather: all-gather of S/g between, then of S inside; reduce-scatter the other way round;
  /// - broadcast and gather: through each node's first member, with S between.
  /// With uneven nodes the first members alone work between the nodes, with all of S, and each
  /// node's others wait for a broadcast of S; the first part is then what their node holds.
  /// Source: the two-level scheme of Open MPI's coll/han (Luo et al., IEEE CLUSTER 2020) and of
  /// NCCL's hierarchical rings, without their pipelining.
  func hierarchical(_ kind: CollectiveKind, bytes: Double, nodes: [Int]) -> Double {
    var members: [Int: Int] = [:]
    for node in nodes { members[node, default: 0] += 1 }
    let sizes = members.values.sorted()
    let (k, g) = (sizes.count, sizes.last ?? 1)
    let inside = { (kind: CollectiveKind, size: Double) in
      self.seconds(kind, bytes: size, nodes: [Int](repeating: 0, count: g))
    }
    let even = sizes.first == g
    let between = { (kind: CollectiveKind) in
      self.between(kind, bytes: bytes, count: k, slots: even ? g : 1)
    }
    let share = bytes * Double(g) / Double(nodes.count)
    return switch (kind, even) {
    case (.allReduce, true):
      inside(.reduceScatter, bytes) + between(.allReduce) + inside(.allGather, bytes)
    case (.allGather, true): between(.allGather) + inside(.allGather, bytes)
    case (.reduceScatter, true): inside(.reduceScatter, bytes) + between(.reduceScatter)
    case (.allReduce, false):
      inside(.allReduce, bytes) + between(.allReduce) + inside(.broadcast, bytes)
    case (.allGather, false):
      inside(.gather, share) + between(.allGather) + inside(.broadcast, bytes)
    case (.reduceScatter, false):
      inside(.allReduce, bytes) + between(.reduceScatter) + inside(.broadcast, share)
    case (.broadcast, _):
      self.between(.broadcast, bytes: bytes, count: k, slots: 1) + inside(.broadcast, bytes)
    case (.gather, _):
      inside(.gather, share) + self.between(.gather, bytes: bytes, count: k, slots: 1)
    }
  }

  /// `slots` operations at once between `count` nodes, each of `bytes`/`slots`. A port that the
  /// node shares carries all of them: as one of `bytes`.
  private func between(
    _ kind: CollectiveKind, bytes: Double, count: Int, slots: Int
  ) -> Double {
    let each = interNode.sharedByNode ? bytes : bytes / Double(slots)
    return seconds(kind, bytes: each, nodes: Array(0..<count))
  }
}
