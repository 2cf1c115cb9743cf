import Models

/// Ranks that communicate with each other, and apart from other groups of the same kind, at the same
/// time as these.
public struct RankGroups: Codable, Hashable, Sendable {
  /// Where the members of a group are, on hosts as MPI tells them apart.
  public enum Placement: String, Codable, Sendable {
    case sameNode = "same node"
    /// Every member on a host of its own.
    case acrossNodes = "across nodes"
    case mixed = "mixed"
  }

  /// What the groups are in the layout, such as `tensor` or `stages 0-1`.
  public var name: String
  /// Members of each group as ranks in the world; groups are equally large.
  public var groups: [[Int]]
  public var placement: Placement
  /// True for pairs that ping-pong runs on, false for groups of collectives.
  public var isPairs: Bool

  public init(name: String, groups: [[Int]], placement: Placement, isPairs: Bool) {
    precondition(!groups.isEmpty, "there is at least one group")
    self.name = name
    self.groups = groups
    self.placement = placement
    self.isPairs = isPairs
  }

  enum CodingKeys: String, CodingKey {
    case name, groups, placement
    case isPairs = "pairs"
  }

  /// Members of one group.
  public var ranks: Int { groups[0].count }

  /// Every group that is measured.
  ///
  /// Pairs: neighbouring stages of the layout, then the first two ranks of one host, then the first
  /// ranks of the first two hosts. Groups: the layout's tensor groups, or without a layout the
  /// first 2, 4, … ranks; over several hosts the ranks of one host and one rank of each; the world.
  /// Groups with equal members are measured once.
  /// - Parameter hosts: for each rank a number that its host alone has.
  public static func all(layout: ParallelLayout?, hosts: [Int]) -> [RankGroups] {
    var made: [RankGroups] = []
    func add(_ name: String, _ groups: [[Int]], pairs: Bool = false) {
      guard let first = groups.first, first.count > 1 else { return }
      if let known = made.firstIndex(where: { $0.groups == groups && $0.isPairs == pairs }) {
        made[known].name += ", " + name
        return
      }
      made.append(
        RankGroups(
          name: name, groups: groups, placement: placement(groups, hosts), isPairs: pairs))
    }
    let world = Array(hosts.indices)
    let members = Dictionary(grouping: world) { hosts[$0] }.values.sorted { $0[0] < $1[0] }
    let shared = members.first { $0.count > 1 } ?? []
    let leaders = members.map { $0[0] }

    if let layout {
      for stage in 0..<(layout.pipeline - 1) {
        add("stages \(stage)-\(stage + 1)", neighbours(layout, stage), pairs: true)
      }
    }
    add("one node", [Array(shared.prefix(2))], pairs: true)
    add("two nodes", [Array(leaders.prefix(2))], pairs: true)

    if let layout {
      add("tensor", tensorGroups(layout))
    } else {
      var size = 2
      while size < world.count {
        add("first \(size)", [Array(world.prefix(size))])
        size *= 2
      }
    }
    if members.count > 1 {
      add("one node", [shared])
      add("one per node", [leaders])
    }
    add("world", [world])
    return made
  }

  private static func placement(_ groups: [[Int]], _ hosts: [Int]) -> Placement {
    let spans = groups.map { group in
      let distinct = Set(group.map { hosts[$0] }).count
      return distinct == 1
        ? Placement.sameNode : distinct == group.count ? .acrossNodes : .mixed
    }
    return spans.allSatisfy { $0 == spans[0] } ? spans[0] : .mixed
  }

  private static func tensorGroups(_ layout: ParallelLayout) -> [[Int]] {
    stride(from: 0, to: layout.worldSize, by: layout.tensor).map {
      Array($0..<$0 + layout.tensor)
    }
  }

  /// The pairs in which every rank of a stage sends to its peer of the next one.
  private static func neighbours(_ layout: ParallelLayout, _ stage: Int) -> [[Int]] {
    (0..<layout.worldSize).filter { layout.coordinates(of: $0).stage == stage }
      .map { [$0, $0 + layout.tensor] }
  }
}
